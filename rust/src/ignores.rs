//! Which paths a walk leaves out: globs as in a `.gitignore` file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::Invalid;

/// Compiled globs. They come from the caller alone: the user's own `.gitignore` files are not read.
#[derive(Clone, Debug)]
pub struct Ignores(Gitignore);

impl Ignores {
    /// Compile gitignore-style globs, relative to the root of the walk; the last one that matches a path decides.
    ///
    /// # Errors
    ///
    /// A glob that cannot be understood.
    pub fn new<S: AsRef<str>>(globs: &[S]) -> Result<Self, Invalid> {
        let bad = |error: ignore::Error| Invalid(format!("bad ignore glob: {error}"));
        let mut builder = GitignoreBuilder::new("");
        for glob in globs {
            builder.add_line(None, glob.as_ref()).map_err(bad)?;
        }
        builder.build().map(Self).map_err(bad)
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `path`, relative to the root, is left out. Its parents are not looked at: the walk never enters a
    /// folder that is left out.
    #[must_use]
    pub fn matches(&self, path: &[u8], is_folder: bool) -> bool {
        let path = Path::new(OsStr::from_bytes(path));
        self.0.matched(path, is_folder).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_mean_what_they_mean_in_gitignore() {
        let ignores =
            Ignores::new(&["*.tmp", "!keep.tmp", "/build/", "a/**/z", "# note", ""]).unwrap();
        for (path, is_folder, want) in [
            ("x.tmp", false, true),
            ("deep/x.tmp", false, true),
            ("deep/keep.tmp", false, false),
            ("build", true, true),
            ("build", false, false),
            ("deep/build", true, false),
            ("a/b/c/z", false, true),
            ("a/z", false, true),
            ("z", false, false),
            ("# note", false, false),
        ] {
            assert_eq!(ignores.matches(path.as_bytes(), is_folder), want, "{path}");
        }
    }

    #[test]
    fn names_need_not_be_utf8() {
        let ignores = Ignores::new(&["*.tmp"]).unwrap();
        assert!(ignores.matches(b"\xff\xfe.tmp", false));
        assert!(!ignores.matches(b"\xff\xfe", false));
    }

    #[test]
    fn a_bad_glob_is_named() {
        let error = Ignores::new(&["a[z-a]"]).unwrap_err();
        assert!(error.0.contains("a[z-a]"), "{error}");
    }
}
