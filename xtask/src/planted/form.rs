//! The forms that a text may have when it is written.

/// A form of the text that is searched for.
#[derive(Debug)]
pub(super) struct Form {
    name: &'static str,
    octets: Vec<u8>,
    /// How far the search may go on after a piece that ends in an octet (Horspool's table).
    skips: [usize; 256],
}

impl Form {
    /// The text as it is, and in the encodings by which programs hide what they do not mean to hide.
    pub(super) fn all(text: &str) -> Vec<Self> {
        let text = text.as_bytes();
        let hex = |letters: &[u8; 16]| {
            text.iter().flat_map(|octet| [letters[usize::from(octet >> 4)], letters[usize::from(octet & 15)]]).collect()
        };
        let mut forms = vec![
            Self::new("as it is", text.to_vec()),
            Self::new("in hexadecimal", hex(b"0123456789abcdef")),
            Self::new("in hexadecimal", hex(b"0123456789ABCDEF")),
            Self::new("in UTF-16", text.iter().flat_map(|octet| [*octet, 0]).collect()),
            Self::new("as numbers", text.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes()),
        ];
        // It may begin at any of three places of a group; the digits that other octets share are left out.
        forms.extend((0..3).map(|before| Self::new("in base64", base64(text, before))));
        forms
    }

    fn new(name: &'static str, octets: Vec<u8>) -> Self {
        let mut skips = [octets.len(); 256];
        for (index, octet) in octets.iter().enumerate().take(octets.len() - 1) {
            skips[usize::from(*octet)] = octets.len() - 1 - index;
        }
        Self { name, octets, skips }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn len(&self) -> usize {
        self.octets.len()
    }

    /// Where it is in a piece.
    pub(super) fn places(&self, piece: &[u8]) -> Vec<usize> {
        let (mut places, mut at) = (Vec::new(), 0);
        while at + self.len() <= piece.len() {
            let end = at + self.len();
            if piece[at..end] == self.octets[..] {
                places.push(at);
            }
            at += self.skips[usize::from(piece[end - 1])];
        }
        places
    }
}

/// The digits of base64 that are a text's alone where `before` octets of something else stand in its first group. The digits that
/// the alphabets for texts and for URLs do not share are not in the marker's.
fn base64(text: &[u8], before: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let octets: Vec<u8> = std::iter::repeat_n(0, before).chain(text.iter().copied()).collect();
    let bit = |at: usize| octets[at / 8] >> (7 - at % 8) & 1;
    // Whole digits of the text: from the first that begins in it to the last that ends in it.
    let (first, end) = ((before * 8).div_ceil(6), octets.len() * 8 / 6);
    (first..end)
        .map(|digit| DIGITS[(0..6).fold(0, |value, at| value << 1 | usize::from(bit(digit * 6 + at)))])
        .collect()
}
