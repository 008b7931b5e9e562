//! A panic is a bug, but one file's bug must not end the process: it becomes a typed error.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use crate::error::{CoreError, ErrorClass, Result};

thread_local! {
    /// Where the last panic of this thread happened: the payload that [`catch`] gets does not say.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keep panics off stderr and note their place for [`catch`]. Called once, when the extension module is loaded. Only
/// this library's own code sees the hook, for an extension module has its own copy of the standard library.
pub fn note_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map(|at| format!(" at {}:{}", at.file(), at.line()));
        PLACE.set(place.unwrap_or_default());
    }));
}

/// Run `work`; a panic in it becomes an error of class `crash` that names its place. What `work` was changing when it
/// panicked must not be used afterwards.
///
/// # Errors
///
/// Those of `work`, and `crash`.
pub fn catch<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let place = PLACE.take();
        let text = panic_text(payload.as_ref());
        Err(CoreError::new(
            ErrorClass::Crash,
            format!("internal error: {text}{place}"),
        ))
    })
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_crashes_and_results_pass_through() {
        assert_eq!(catch(|| Ok(1)), Ok(1));
        let error = CoreError::new(ErrorClass::Corrupt, "bad");
        assert_eq!(catch::<()>(|| Err(error.clone())), Err(error));
        for number in [1, 2] {
            let caught = catch::<()>(|| panic!("number {number}")).unwrap_err();
            assert_eq!(caught.class, ErrorClass::Crash);
            let want = format!("internal error: number {number}");
            assert!(caught.message.starts_with(&want), "{caught}");
        }
        let caught = catch::<()>(|| panic!("plain")).unwrap_err();
        assert!(caught.message.contains("plain"), "{caught}");
    }
}
