//! The pages behind the codes.

use crate::error::Error;

/// Declares the pages: each code has its file.
macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        &[$(($code, include_str!(concat!("explain/", $code, ".md")))),*]
    };
}

/// Every code with its page, sorted by code.
const PAGES: &[(&str, &str)] = pages![
    "PK0001", "PK0002", "PK0003", "PK0101", "PK0102", "PK0201", "PK0202", "PK0203", "PK0204", "PK0205", "PK0206",
    "PK0207", "PK0208", "PK0209", "PK0210", "PK0211", "PK0212", "PK0213", "PK0214", "PK0215", "PK0216", "PK0217",
    "PK0218", "PK0301", "PK0302", "PK0303", "PK0304", "PK0305", "PK0306", "PK0307", "PK0308", "PK0309", "PK0310",
    "PK0311", "PK0312", "PK0401", "PK0402", "PK0403", "PK0404", "PK0405", "PK0406", "PK0407", "PK0408", "PK0409",
    "PK0501", "PK0502", "PK0503", "PK0504", "PK0505", "PK0506", "PK0507", "PK0508", "PK0509", "PK1001", "PK1002",
    "PK1003", "PK1004", "PK1005", "PK2001", "PK2002", "PK3001", "PK3002", "PK3003", "PK3004", "PK3005", "PK3006",
    "PK4001", "PK5001", "PK5002", "PK5003", "PK6001", "PK7001", "PK7002", "PK7003", "PK7004", "PK7005", "PK7006",
    "PK7007", "PK7008", "PK7009", "PK7010", "PK7011", "PK7012", "PK7013", "PK8001", "PK8002", "PK8003", "PK8004",
    "PK8005", "PK8101", "PK8102", "PK8103", "PK8104", "PK8105", "PK8106", "PK8107", "PK8108", "PK8109", "PK8110",
    "PK8301", "PK8302", "PK8303", "PK8304", "PK8305", "PK8306", "PK8307", "PK8308", "PK9001",
];

/// The page of a code, or the list of all.
pub(crate) fn page(code: Option<&str>) -> Result<String, Error> {
    let Some(code) = code else {
        return Ok(PAGES.iter().map(|(code, page)| format!("{code}  {}\n", title(page))).collect());
    };
    let wanted = code.to_ascii_uppercase();
    PAGES
        .iter()
        .find(|(known, _)| *known == wanted)
        .map(|(_, page)| (*page).to_owned())
        .ok_or_else(|| Error::UnknownCode { code: code.to_owned() })
}

/// The first line of a page, without its code.
fn title(page: &str) -> &str {
    let line = page.lines().next().unwrap_or_default().trim_start_matches("# ");
    line.split_once(": ").map_or(line, |(_, title)| title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    /// Every code that the sources can print.
    fn codes_in(dir: &Path, codes: &mut BTreeSet<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "explain" && name != "snapshots" {
                    codes_in(&path, codes);
                }
            } else if name.ends_with(".rs") && name != "explain.rs" {
                let text = fs::read_to_string(&path).unwrap();
                for (start, _) in text.match_indices("\"PK") {
                    let code: String = text[start + 1..].chars().take_while(char::is_ascii_alphanumeric).collect();
                    if code.len() == 6 {
                        codes.insert(code);
                    }
                }
            }
        }
    }

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let mut used = BTreeSet::new();
        for sources in ["src", "../adapters/server/src", "../engines/src"] {
            codes_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(sources), &mut used);
        }
        let pages: BTreeSet<String> = PAGES.iter().map(|(code, _)| (*code).to_owned()).collect();
        assert!(used.len() > 30, "{used:?}");
        assert_eq!(used, pages);
        assert!(PAGES.is_sorted_by_key(|(code, _)| *code));
    }

    #[test]
    fn pages_have_one_form() {
        for (code, page) in PAGES {
            assert!(page.starts_with(&format!("# {code}: ")), "{code}");
            assert!(page.contains("\n## Fix\n"), "{code}");
            assert!(page.lines().all(|line| line.chars().count() <= 120), "{code}");
            assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{code}");
        }
    }

    #[test]
    fn codes_are_found_in_either_case() {
        assert_eq!(page(Some("pk0202")).unwrap(), page(Some("PK0202")).unwrap());
        assert!(matches!(page(Some("PK0000")), Err(Error::UnknownCode { .. })));
        assert_eq!(page(None).unwrap().lines().count(), PAGES.len());
    }
}
