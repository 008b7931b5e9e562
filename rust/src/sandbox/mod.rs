//! Confine this process: which files it may use (Landlock) and what it may ask of the kernel (seccomp), for good.
//!
//! The policy is data from the caller (`pillion/pool/sandbox.py` says it in words); here are the calls. Neither needs
//! root. Only Linux has them: elsewhere nothing holds, and the answer says so.

use std::path::PathBuf;

use crate::error::Result;
#[cfg(target_os = "linux")]
use crate::error::{CoreError, ErrorClass};

pub mod calls;
pub mod filter;
#[cfg(target_os = "linux")]
mod linux;

pub use calls::{Action, Call, Test};

/// What a process may do with what lies at a path and below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Read files and list folders.
    Read,
    /// Write files and make new ones.
    Write,
    /// Remove and rename files and folders, and make folders.
    Remove,
    /// Start programs.
    Execute,
    /// Use devices: read, write and control them.
    Device,
}

impl Right {
    /// The right of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "read" => Self::Read,
            "write" => Self::Write,
            "remove" => Self::Remove,
            "execute" => Self::Execute,
            "device" => Self::Device,
            _ => return None,
        })
    }
}

/// A path and what may be done there. One that does not exist grants nothing.
#[derive(Clone, Debug)]
pub struct Grant {
    /// A file, or a folder with all below it.
    pub path: PathBuf,
    /// What may be done.
    pub rights: Vec<Right>,
}

/// What of the sandbox the kernel has, or what holds for this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holds {
    /// The version of Landlock's interface; 0: none.
    pub landlock: i32,
    /// Whether there is a filter of system calls.
    pub filter: bool,
    /// Why one of them is missing; empty where both are there.
    pub missing: String,
}

/// What the kernel has, asked without changing anything.
#[must_use]
pub fn support() -> Holds {
    #[cfg(target_os = "linux")]
    return linux::support();
    #[cfg(not(target_os = "linux"))]
    Holds {
        landlock: 0,
        filter: false,
        missing: "only Linux has Landlock and seccomp".into(),
    }
}

/// Confine this process and all that it will start: no file but `grants`, no call of `calls`, no privileges. There is
/// no way back. `newest`: the highest version of Landlock's interface to use; 0: none.
///
/// # Errors
///
/// `crash` when other threads run already (they would not be confined), or when the kernel refuses what it has.
pub fn confine(grants: &[Grant], calls: &[Call], newest: i32) -> Result<Holds> {
    #[cfg(target_os = "linux")]
    return linux::confine(grants, calls, newest)
        .map_err(|why| CoreError::new(ErrorClass::Crash, format!("not confined: {why}")));
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (grants, calls, newest);
        Ok(support())
    }
}
