//! The system calls that a policy may name, and their numbers on this architecture.

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It fails with `EPERM`.
    Refuse,
    /// It fails with `ENOSYS`, as on a system that does not have it.
    Missing,
    /// The process ends by `SIGSYS`.
    Kill,
}

impl Action {
    /// The action of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "refuse" => Self::Refuse,
            "missing" => Self::Missing,
            "kill" => Self::Kill,
            _ => return None,
        })
    }
}

/// What an argument must be for the call to be allowed: the 32 bits `argument & mask` are one of `values` (`only`), or
/// none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Which argument, from 0.
    pub argument: u8,
    /// The bits that count.
    pub mask: u32,
    /// What they are compared with.
    pub values: Vec<u32>,
    /// Whether these are the allowed ones, and not the refused.
    pub only: bool,
}

/// A call and what happens to it: always, or where one of the tests fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number on this architecture.
    pub number: u32,
    /// What happens.
    pub action: Action,
    /// When; empty: always.
    pub tests: Vec<Test>,
}

/// The newest call of which is known what it does (`mseal`). Whatever came later does not exist for a confined process.
pub const NEWEST: u32 = 462;

/// The number of a call: None for an unknown name, `Some(None)` where this architecture does not have it.
#[must_use]
pub fn number(name: &str) -> Option<Option<u32>> {
    let known = |table: &[(&str, i64)]| {
        let found = table
            .iter()
            .find(|(call, _)| call.strip_prefix("SYS_") == Some(name));
        found.and_then(|&(_, number)| u32::try_from(number).ok())
    };
    let found = known(EVERYWHERE).or_else(|| known(OLD));
    if let Some(number) = found.or_else(|| known(NOT_IN_LIBC)) {
        return Some(Some(number));
    }
    OLD_NAMES
        .split_whitespace()
        .any(|old| old == name)
        .then_some(None)
}

/// Names in the way of libc -> (name, number).
macro_rules! table {
    ($($call:ident)*) => { &[$((stringify!($call), libc::$call as i64)),*] };
}

#[cfg(target_os = "linux")]
const EVERYWHERE: &[(&str, i64)] = table![
    SYS_accept SYS_accept4 SYS_acct SYS_add_key SYS_adjtimex SYS_bind SYS_bpf SYS_chroot
    SYS_clock_adjtime SYS_clock_settime SYS_clone SYS_clone3 SYS_connect SYS_delete_module
    SYS_execve SYS_execveat SYS_fallocate SYS_fanotify_init SYS_fchmod SYS_fchmodat SYS_fchown
    SYS_fchownat
    SYS_fcntl SYS_finit_module SYS_fremovexattr SYS_fsconfig SYS_fsetxattr SYS_fsmount
    SYS_fsopen SYS_fspick SYS_init_module SYS_io_setup SYS_io_uring_enter SYS_io_uring_register
    SYS_io_uring_setup SYS_ioctl SYS_ioprio_set SYS_kcmp SYS_kexec_load SYS_keyctl SYS_kill
    SYS_linkat SYS_listen SYS_lremovexattr SYS_lsetxattr SYS_memfd_create SYS_memfd_secret
    SYS_migrate_pages SYS_mknodat SYS_mount SYS_mount_setattr SYS_move_mount SYS_move_pages
    SYS_mq_open SYS_mq_unlink SYS_msgctl SYS_msgget SYS_msgrcv SYS_msgsnd SYS_name_to_handle_at
    SYS_open_by_handle_at SYS_open_tree SYS_openat SYS_openat2 SYS_perf_event_open
    SYS_personality SYS_pidfd_getfd SYS_pidfd_open SYS_pidfd_send_signal SYS_pivot_root
    SYS_prctl SYS_prlimit64 SYS_process_madvise SYS_process_mrelease SYS_process_vm_readv
    SYS_process_vm_writev SYS_ptrace SYS_quotactl SYS_quotactl_fd SYS_reboot SYS_removexattr
    SYS_request_key SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo SYS_sched_setattr
    SYS_sched_setparam SYS_sched_setscheduler SYS_semctl SYS_semget SYS_semop SYS_semtimedop
    SYS_sendmmsg SYS_setdomainname SYS_sethostname SYS_setns SYS_setpgid SYS_setpriority
    SYS_setsid SYS_settimeofday SYS_setxattr SYS_shmat SYS_shmctl SYS_shmdt SYS_shmget
    SYS_socket SYS_socketpair SYS_swapoff SYS_swapon SYS_symlinkat SYS_syslog SYS_tgkill
    SYS_tkill SYS_truncate SYS_umount2 SYS_unshare SYS_userfaultfd SYS_utimensat SYS_vhangup
];

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const OLD: &[(&str, i64)] = table![
    SYS_chmod SYS_chown SYS_creat SYS_fork SYS_futimesat SYS_iopl SYS_ioperm SYS_lchown SYS_link
    SYS_mknod SYS_modify_ldt SYS_open SYS_symlink SYS_utime SYS_utimes SYS_vfork
];

/// Not every libc names these on every architecture.
const NOT_IN_LIBC: &[(&str, i64)] = &[
    ("SYS_fchmodat2", 452),
    (
        "SYS_kexec_file_load",
        if cfg!(target_arch = "x86_64") {
            320
        } else {
            294
        },
    ),
];

/// Newer architectures were born without these.
const OLD_NAMES: &str = "chmod chown creat fork futimesat iopl ioperm lchown link mknod modify_ldt open \
    symlink utime utimes vfork";

#[cfg(not(target_os = "linux"))]
const EVERYWHERE: &[(&str, i64)] = &[];
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
const OLD: &[(&str, i64)] = &[];

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn calls_have_their_numbers() {
        assert_eq!(number("openat"), Some(u32::try_from(libc::SYS_openat).ok()));
        assert_eq!(number("no_such_call"), None);
        assert_eq!(
            number("fork").unwrap().is_some(),
            cfg!(target_arch = "x86_64")
        );
        assert!(
            EVERYWHERE
                .iter()
                .chain(OLD)
                .all(|(_, number)| (0..=i64::from(NEWEST)).contains(number))
        );
    }
}
