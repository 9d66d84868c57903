//! Texts that the compiler puts together, so that a call finds them ready.

/// A text of at most `N` octets.
#[derive(Debug)]
pub struct Text<const N: usize> {
    octets: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "a default is no constant")]
    pub const fn new() -> Self {
        Self { octets: [0; N], length: 0 }
    }

    /// The same with more at its end. What does not fit does not compile.
    pub const fn with(mut self, more: &str) -> Self {
        let more = more.as_bytes();
        assert!(self.length + more.len() <= N, "what is put together is too long");
        let mut at = 0;
        while at < more.len() {
            self.octets[self.length + at] = more[at];
            at += 1;
        }
        self.length += more.len();
        self
    }

    /// The same with a number at its end, in decimal.
    pub const fn with_number(self, number: u32) -> Self {
        let text = if number > 9 { self.with_number(number / 10) } else { self };
        let digit = [b'0' + (number % 10) as u8];
        match std::str::from_utf8(&digit) {
            Ok(digit) => text.with(digit),
            Err(_) => panic!("a digit is text"),
        }
    }

    /// The text.
    pub const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.octets.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => panic!("what is put together of texts is text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_are_put_together() {
        assert_eq!(Text::<16>::new().with("max-age=").with_number(86_400).as_str(), "max-age=86400");
        assert_eq!(Text::<10>::new().with_number(u32::MAX).as_str(), "4294967295");
        assert_eq!(Text::<1>::new().with_number(0).as_str(), "0");
        assert!(std::panic::catch_unwind(|| Text::<3>::new().with("four").as_str().len()).is_err());
    }
}
