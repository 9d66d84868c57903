use super::*;
use std::{fs, io::Write as _};
use zip::{ZipWriter, write::SimpleFileOptions};

fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default()).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

/// A folder of its own for a test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("planted-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("below")).unwrap();
        Self(folder)
    }

    fn found(&self) -> Vec<String> {
        let search = Search::all(std::slice::from_ref(&self.0)).unwrap();
        let root = format!("{}/", self.0.display());
        search.leaks.iter().map(|leak| leak.to_string().replace(&root, "")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_planted_is_found_with_its_place() {
    let folder = Folder::new("found");
    fs::write(folder.0.join("clean.json"), "{\"secret\": \"plantedsecret7Q\"}").unwrap();
    assert!(folder.found().is_empty());
    fs::write(folder.0.join("below/log"), format!("one\ntwo {MARKER}-pin\nthree\n")).unwrap();
    fs::write(folder.0.join("bootstrap"), [&[0, 255, 10], MARKER.as_bytes(), &[0]].concat()).unwrap();
    let inner = zip("index.js", format!("const key = '{MARKER}';").as_bytes());
    fs::write(folder.0.join("shop.zip"), zip("deep.zip", &inner)).unwrap();
    assert_eq!(
        folder.found(),
        [
            "below/log:2: a planted secret as it is (octet 8)",
            "bootstrap:2: a planted secret as it is (octet 3)",
            // The inner zip is stored as it is, or not, as the library likes; its file is found in any case.
            "shop.zip!deep.zip!index.js:1: a planted secret as it is (octet 13)",
        ]
    );
    let error = Search::all(std::slice::from_ref(&folder.0)).unwrap().verdict().unwrap_err().to_string();
    assert!(error.contains("3 places"), "{error}");
}

#[test]
fn other_forms_are_found() {
    let folder = Folder::new("forms");
    let secret = format!("{MARKER}-pin");
    let base64 = |before: &str| {
        // By the library's own hand: what `openssl base64` and all others give.
        let octets = [before.as_bytes(), secret.as_bytes(), b"!"].concat();
        octets
            .chunks(3)
            .map(|group| {
                const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
                let octet = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
                let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
                (0..4).map(|at| DIGITS[(bits >> (18 - 6 * at) & 63) as usize] as char).collect::<String>()
            })
            .collect::<String>()
    };
    for before in ["", "a", "ab", "abc"] {
        fs::write(folder.0.join(format!("base64-{}", before.len())), base64(before)).unwrap();
    }
    let hex: String = secret.bytes().map(|octet| format!("{octet:02x}")).collect();
    fs::write(folder.0.join("hex"), &hex).unwrap();
    fs::write(folder.0.join("hex-capitals"), hex.to_uppercase()).unwrap();
    fs::write(folder.0.join("octets"), format!("{:?}", secret.as_bytes())).unwrap();
    let found = folder.found();
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn what_lies_across_pieces_is_found_once() {
    let folder = Folder::new("pieces");
    for shift in 0..=MARKER.len() {
        let mut content = vec![b'\n'; CHUNK - shift];
        content.extend_from_slice(MARKER.as_bytes());
        content.extend(vec![b' '; CHUNK]);
        fs::write(folder.0.join("log"), content).unwrap();
        let (line, at) = (CHUNK - shift + 1, CHUNK - shift);
        assert_eq!(folder.found(), [format!("log:{line}: a planted secret as it is (octet {at})")]);
    }
}

#[test]
fn nothing_to_search_is_no_success() {
    let folder = Folder::new("nothing");
    assert!(Search::all(std::slice::from_ref(&folder.0)).unwrap().verdict().is_err());
    assert!(Search::all(&[folder.0.join("absent")]).is_err());
}

#[test]
fn the_tests_plant_this_marker() {
    let planted = include_str!("../../../tests/src/planted.rs");
    assert!(planted.contains(&format!("\"{MARKER}\"")), "{planted}");
}
