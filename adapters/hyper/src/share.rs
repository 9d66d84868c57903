use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What many take parts of: so many in all, and nobody waits.
#[derive(Clone, Debug)]
pub struct Share(Arc<AtomicUsize>);

/// A part that was taken. It is given back when this is dropped.
#[derive(Debug)]
pub struct Part {
    of: Share,
    size: usize,
}

impl Share {
    /// So many in all.
    pub fn new(all: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(all)))
    }

    /// A part of that size; `None` where that much is not left.
    #[must_use]
    pub fn take(&self, size: usize) -> Option<Part> {
        self.subtract(size).then(|| Part { of: self.clone(), size })
    }

    fn subtract(&self, size: usize) -> bool {
        let less = |left: usize| left.checked_sub(size);
        // Only the number is shared: nothing else is seen through it.
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Part {
    /// Makes it larger; `false` where that much is not left.
    #[must_use]
    pub fn grow(&mut self, size: usize) -> bool {
        let grown = self.of.subtract(size);
        self.size += if grown { size } else { 0 };
        grown
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.of.0.fetch_add(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let share = Share::new(10);
        let mut first = share.take(6).unwrap();
        assert!(share.take(5).is_none() && !first.grow(5) && first.grow(4));
        assert!(share.take(1).is_none());
        drop(first);
        assert_eq!(share.take(10).map(|part| part.size), Some(10));
        assert!(share.take(11).is_none());
    }
}
