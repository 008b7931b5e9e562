//! Search: an index of words ([`words`]) and one of vectors ([`vectors`]), both derived from sidecars.
//!
//! [`tokens`] cuts text into words as they are indexed and searched, with [`fold`] for case and accents and
//! [`language`] for stems. What is searched, and how hits are ranked, is decided in Python (`pillion.search`).

mod codes;
pub mod fold;
pub mod language;
pub mod pairs;
mod seen;
pub mod tokens;
pub mod vectors;
pub mod vocabulary;
pub mod words;
