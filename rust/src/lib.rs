//! The Rust core of Pillion.
