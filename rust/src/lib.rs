//! The Rust core of Pillion.
//!
//! Plain functions on plain data: no database, no network, no policy, and no Python outside [`py`], which wraps each
//! of them for `pillion._core`. The unit tests are built without [`py`], so they link and run without Python.

pub mod error;
pub mod image;

#[cfg(not(test))]
mod py;
