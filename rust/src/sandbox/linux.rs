//! The calls that confine a process on Linux.

use std::fs;
use std::io;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::calls::Call;
use super::filter::{self, Step, THIS_ARCHITECTURE};
use super::{Grant, Holds, Right};

/// The versions of Landlock's interface that are made use of; what a newer one adds is left alone.
const VERSIONS: [ABI; 6] = [ABI::V1, ABI::V2, ABI::V3, ABI::V4, ABI::V5, ABI::V6];

const LANDLOCK_CREATE_RULESET_VERSION: libc::c_ulong = 1;
const SECCOMP_SET_MODE_FILTER: libc::c_ulong = 1;
const SECCOMP_GET_ACTION_AVAIL: libc::c_ulong = 2;
const SECCOMP_FILTER_FLAG_TSYNC: libc::c_ulong = 1;
/// Without it, kernels before 5.16 also switch a defence of the processor on that slows everything down. It guards
/// secrets that the process itself holds, of which a worker has none.
const SECCOMP_FILTER_FLAG_SPEC_ALLOW: libc::c_ulong = 4;
const SECCOMP_RET_KILL_PROCESS: u32 = 0x8000_0000;

pub(super) fn support() -> Holds {
    let (landlock, no_landlock) = match landlock_version() {
        Ok(version) => (version, None),
        Err(error) => (0, Some(without_landlock(&error).to_owned())),
    };
    let no_filter = no_filter();
    Holds {
        landlock,
        filter: no_filter.is_none(),
        missing: [no_landlock, no_filter]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; "),
    }
}

fn without_landlock(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP) => {
            "Landlock is switched off (the kernel's parameter lsm= does not name it)"
        }
        Some(libc::EPERM | libc::EACCES) => "a container's rules forbid Landlock",
        _ => "the kernel has no Landlock (Linux 5.13 and later have it), or a container hides it",
    }
}

fn no_filter() -> Option<String> {
    if THIS_ARCHITECTURE.is_none() {
        return Some("no filter of system calls for this processor".into());
    }
    let action = SECCOMP_RET_KILL_PROCESS;
    // SAFETY: the kernel reads four bytes through the pointer, which outlives the call, and changes nothing.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SECCOMP_GET_ACTION_AVAIL,
            0 as libc::c_ulong,
            &raw const action,
        )
    };
    (answer != 0)
        .then(|| "the kernel has no seccomp filters (Linux 4.14 and later have them)".into())
}

fn landlock_version() -> io::Result<i32> {
    // SAFETY: with this flag the kernel takes no structure and answers a number.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0usize,
            LANDLOCK_CREATE_RULESET_VERSION,
        )
    };
    match i32::try_from(answer) {
        Ok(version) if version > 0 => Ok(version),
        _ => Err(io::Error::last_os_error()),
    }
}

/// See [`super::confine`].
pub(super) fn confine(grants: &[Grant], calls: &[Call], newest: i32) -> Result<Holds, String> {
    let threads = threads();
    if threads > 1 {
        return Err(format!("{threads} threads run already"));
    }
    let kernel = support();
    drop_capabilities().map_err(|error| format!("capabilities: {error}"))?;
    // SAFETY: sets a flag of this process; no pointer is passed.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(format!("no_new_privs: {}", io::Error::last_os_error()));
    }
    let version = kernel.landlock.min(newest).max(0);
    let mut missing = kernel.missing;
    let mut landlock = 0;
    if version > 0 {
        match restrict_files(grants, version) {
            Ok(true) => landlock = version,
            Ok(false) => missing = "Landlock did nothing".into(),
            Err(error) => return Err(format!("Landlock: {error}")),
        }
    }
    if let (true, Some(architecture)) = (kernel.filter, THIS_ARCHITECTURE) {
        load(&filter::program(architecture, calls)).map_err(|error| format!("seccomp: {error}"))?;
    }
    Ok(Holds {
        landlock,
        filter: kernel.filter,
        missing,
    })
}

/// How many threads this process has; 1 where nobody says.
fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct CapabilitySet {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
/// `CAP_DAC_OVERRIDE` and `CAP_DAC_READ_SEARCH`: a container's root may read and write the files of other users, and
/// Landlock says which.
const KEPT: u32 = 1 << 1 | 1 << 2;

/// Give up what root may do beyond other users, save to use the files of others. Nothing for anybody else.
fn drop_capabilities() -> io::Result<()> {
    let mut header = CapabilityHeader {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    };
    let mut sets = [CapabilitySet::default(); 2];
    // SAFETY: version 3 reads and writes a header and two sets, which these are (capget(2)).
    if unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let kept = [KEPT, 0];
    for (set, kept) in sets.iter_mut().zip(kept) {
        set.effective &= kept;
        set.permitted &= kept;
        set.inheritable = 0;
    }
    // SAFETY: as above; capset only reads.
    if unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Deny every use of files but `grants`, TCP, and signals and abstract sockets of others. False: nothing was denied.
fn restrict_files(grants: &[Grant], version: i32) -> Result<bool, RulesetError> {
    let newest = usize::try_from(version)
        .unwrap_or(1)
        .clamp(1, VERSIONS.len());
    let abi = VERSIONS[newest - 1];
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?;
    if abi >= ABI::V4 {
        ruleset = ruleset.handle_access(AccessNet::from_all(abi))?;
    }
    if abi >= ABI::V6 {
        ruleset = ruleset.scope(Scope::from_all(abi))?;
    }
    let mut made = ruleset.create()?;
    for grant in grants {
        made = granted(made, grant, abi)?;
    }
    Ok(made.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}

fn granted(
    ruleset: RulesetCreated,
    grant: &Grant,
    abi: ABI,
) -> Result<RulesetCreated, RulesetError> {
    let mut access = grant
        .rights
        .iter()
        .fold(BitFlags::EMPTY, |all, right| all | accesses(*right))
        & AccessFs::from_all(abi);
    if !is_folder(&grant.path) {
        access &= AccessFs::from_file(abi);
    }
    match PathFd::new(&grant.path) {
        Ok(descriptor) if !access.is_empty() => {
            ruleset.add_rule(PathBeneath::new(descriptor, access))
        }
        // What is not there, or cannot be reached, is not granted.
        _ => Ok(ruleset),
    }
}

fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_dir())
}

fn accesses(right: Right) -> BitFlags<AccessFs> {
    match right {
        Right::Read => AccessFs::ReadFile | AccessFs::ReadDir,
        Right::Write => AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg,
        Right::Remove => {
            AccessFs::RemoveFile | AccessFs::RemoveDir | AccessFs::MakeDir | AccessFs::Refer
        }
        Right::Execute => AccessFs::Execute.into(),
        Right::Device => AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev,
    }
}

fn load(steps: &[Step]) -> io::Result<()> {
    let mut program: Vec<libc::sock_filter> = steps
        .iter()
        .map(|step| libc::sock_filter {
            code: step.code,
            jt: step.yes,
            jf: step.no,
            k: step.value,
        })
        .collect();
    let program = libc::sock_fprog {
        len: libc::c_ushort::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_mut_ptr(),
    };
    let set = |flags: libc::c_ulong| {
        // SAFETY: the kernel copies the program, whose length and pointer are those of a vector that outlives the call.
        unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                SECCOMP_SET_MODE_FILTER,
                flags,
                &raw const program,
            )
        }
    };
    let wanted = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // Linux 4.14 to 4.16 do not know the second flag.
    if set(wanted) == 0 || set(SECCOMP_FILTER_FLAG_TSYNC) == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}
