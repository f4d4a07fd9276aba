//! Working memory of a task, kept by its thread from one job to the next.

use std::cell::RefCell;

/// One cache line, so that every buffer starts on one.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

thread_local! {
    static FREE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Lends `len` floats of unspecified content.
pub(crate) fn with<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut lines = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if lines.len() * 16 < len {
        lines.resize(len.div_ceil(16), Line([0.0; 16]));
    }
    // SAFETY: a `Line` is sixteen floats without padding, and the slice ends within the vector.
    let result = f(unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), len) });
    FREE.with_borrow_mut(|free| free.push(lines));
    result
}

#[cfg(test)]
mod tests {
    #[test]
    fn nested_buffers_are_distinct_and_aligned() {
        super::with(100, |outer| {
            outer.fill(1.0);
            super::with(1000, |inner| inner.fill(2.0));
            assert!(outer.iter().all(|&x| x == 1.0));
            assert_eq!(outer.as_ptr() as usize % 64, 0);
            assert_eq!(outer.len(), 100);
        });
    }
}
