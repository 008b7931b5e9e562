//! The Rust core of Pillion.
//!
//! Plain functions on plain data: no database, no network, no policy, and no Python outside `py`, which wraps each
//! of them for `pillion._core`. The unit tests are built without `py`, so they link and run without Python.

pub mod error;
pub mod exists;
pub mod facts;
pub mod guard;
pub mod hash;
pub mod identify;
pub mod ignores;
pub mod image;
pub mod lines;
pub mod parallel;
pub mod paths;
pub mod rounding;
pub mod sandbox;
pub mod schedule;
pub mod search;
pub mod sniff;
pub mod sync;
pub mod walk;
pub mod watch;

#[cfg(test)]
mod testing;

#[cfg(not(test))]
mod py;
