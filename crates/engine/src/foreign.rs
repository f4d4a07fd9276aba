//! Running other people's code on other people's data: the template engine and the regular expressions of the
//! tokenizers crate panic on some files that they should refuse.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// The code panicked.
#[derive(Debug)]
pub(crate) struct Panicked;

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `run`; a panic in it comes back as an error, and prints nothing.
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                usual(info);
            }
        }));
    });
    let outer = EXPECTED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    EXPECTED.set(outer);
    result.map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_and_a_value_too() {
        assert!(catch(|| -> u32 { panic!("not printed") }).is_err());
        assert_eq!(catch(|| 7).unwrap(), 7);
        assert!(!EXPECTED.get());
    }
}
