"""What a worker may do: the whole policy, as data, and its use.

A worker decodes whatever lies in people's folders, so it is built as if a file took it over. It confines itself before
it reads the first byte of a file, while it has one thread, and there is no way back:

* **Files** (Landlock, Linux 5.13): it reads what its jobs are made from, the models, the fonts, the interpreter with
  its packages and the system's libraries. It writes to a folder of its own, and nowhere else. All other files do not
  exist for it, neither to read nor to list, remove or rename.
* **Calls** (seccomp): :data:`CALLS` says which calls of the kernel fail, which seem not to exist, and which end the
  worker. It has no network, starts no programs (but those of :attr:`Policy.programs`), and signals nobody else.
* **Privileges**: it can never get more (no_new_privs), and a root's worker gives up what root may do, save to use the
  files of other users.
* **Precedence and limits**: it ends with its parent, lets the user's own programs go first, and has hard limits.
* **Environment**: :data:`ENVIRONMENT`, nothing else: no tokens, no passwords, no proxies.

What each kind needs beyond its sources, which is why all of them can share a worker:

=========== ============================================================================================
thumb       the fonts (SVG); a temporary file for office documents
ocr         Tesseract's data and the models; a temporary file for office documents; the ``tesseract``
            program only where the binding tesserocr is not installed
transcript  the models; the devices of a graphics processor where there is one; its own checkpoint
embedding   the models; the sidecars of other kinds, whose text it embeds
picture     the models; the thumbnails
thumbstrip  nothing
proxy       its own checkpoint with its parts
=========== ============================================================================================

docs/security.md says what holds on which kernel.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from pillion import _core
from pillion.errors import ItemError, SandboxError
from pillion.quoting import quoted

NEWEST = 7
"""The highest version of Landlock's interface that is used; a lower one gives what an older kernel would."""


class Mode(StrEnum):
    """Whether workers are confined."""

    REQUIRE = "require"
    """They are, or there are none."""
    AUTO = "auto"
    """As far as this machine can."""
    OFF = "off"
    """They are not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What the workers of a pool may use, beside what all of them need.

    ``reads``: files and folders with all below them. ``writes``: the same, to write too; empty but for tests.
    ``home``: the folder in which each worker gets a folder of its own, whose name starts with ``prefix``; None: that
    for temporary files. ``programs``: the only programs that they may start. ``newest``: see :data:`NEWEST`; 0 is
    without Landlock.
    """

    mode: Mode = Mode.AUTO
    reads: tuple[bytes, ...] = ()
    writes: tuple[bytes, ...] = ()
    home: bytes | None = None
    prefix: str = "pillion-worker."
    programs: tuple[bytes, ...] = ()
    newest: int = NEWEST


# files ----------------------------------------------------------------------------------------------------------------


SYSTEM_READS = (
    # Libraries and what they read beside themselves: fonts, time zones, locales, Tesseract's data.
    *("/usr", "/lib", "/lib64", "/lib32", "/nix/store", "/gnu/store"),
    # Of /etc only what the dynamic linker and the C library look up: it holds secrets, too.
    *("/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/timezone", "/etc/locale.alias"),
    *("/etc/alternatives", "/etc/fonts", "/etc/mime.types", "/etc/magic", "/etc/os-release", "/var/cache/fontconfig"),
    # Itself, and how many cores and how much memory there are.
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/version"),
    *("/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/random", "/sys/devices/system", "/sys/fs/cgroup"),
    *("/sys/kernel/mm/transparent_hugepage", "/dev/urandom", "/dev/random", "/dev/zero"),
)
"""What every worker may read."""

FONTS = ("~/.fonts", "~/.fonts.conf", "~/.fonts.conf.d", "~/.config/fontconfig", "~/.local/share/fonts")
"""The user's own fonts."""

DEVICES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-caps", "/dev/null")
"""Devices that it may use where they are; also ``/dev/nvidia0`` and so on. The driver's own files come with them."""

_DRIVER = ("/proc/driver/nvidia", "/proc/devices", "/sys/module/nvidia", "/sys/bus/pci/devices", "/sys/devices")

Grant = tuple[bytes, list[str]]
"""A path and what may be done there: "read", "write", "remove", "execute", "device"."""


def grants(policy: Policy, own: bytes) -> list[Grant]:
    """All that a worker may use. ``own``: its own folder. Call it in the worker, which knows its interpreter."""
    reads = {*map(os.fsencode, [*SYSTEM_READS, *map(os.path.expanduser, FONTS)]), *interpreter(), *policy.reads}
    devices = [*map(os.fsencode, DEVICES), *_graphics()]
    found: list[Grant] = [(path, ["read"]) for path in sorted(reads)]
    found += [(path, ["device"]) for path in devices]
    if len(devices) > len(DEVICES):
        found += [(os.fsencode(path), ["read"]) for path in _DRIVER]
    found += [(path, ["read", "write", "remove"]) for path in (own, *policy.writes)]
    if policy.programs:
        found += [(path, ["read", "execute"]) for path in (*policy.programs, *_loaders())]
        found.append((b"/dev/null", ["read", "write"]))
    return found


def interpreter() -> set[bytes]:
    """The folders of this interpreter and of all packages that it finds.

    Not a folder that holds the user's home: that would be everything.
    """
    home = os.path.realpath(os.path.expanduser("~"))
    named = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, str(Path(__file__).parents[1])]
    named += [*sys.path, os.path.dirname(sys.executable), *os.environ.get("LD_LIBRARY_PATH", "").split(":")]
    paths = {os.path.realpath(path) for path in named if path}
    return {os.fsencode(path) for path in paths if path != "/" and not f"{home}/".startswith(f"{path}/")}


def _graphics() -> list[bytes]:
    try:
        names = os.listdir("/dev")
    except OSError:
        return []
    return [os.fsencode(f"/dev/{name}") for name in names if name.startswith("nvidia") and name[6:].isdecimal()]


def _loaders() -> list[bytes]:
    """The dynamic linkers: a program is started through one."""
    folders = ("/lib64", "/lib", "/usr/lib", "/usr/lib64")
    return [
        os.fsencode(path)
        for folder in folders
        for path in (*Path(folder).glob("ld-linux*.so.*"), *Path(folder).glob("ld-musl-*.so.*"))
    ]


# calls ----------------------------------------------------------------------------------------------------------------


class Argument(NamedTuple):
    """What an argument must be: the 32 bits ``number & mask`` one of ``values`` (``only``), or none of them."""

    number: int
    mask: int
    values: tuple[int, ...]
    only: bool = True


class Rule(NamedTuple):
    """Calls that a worker may not make, or not so, and why.

    ``action``: "refuse" (EPERM: engines that try go on without), "missing" (ENOSYS: they have another way, or it is
    newer than they), "kill" (only somebody who has taken the worker over calls it).
    """

    action: str
    calls: str
    why: str
    tests: tuple[Argument, ...] = ()


_WORD = 0xFFFFFFFF
_CLONE_VFORK, _CLONE_THREAD, _CLONE_FILES = 0x4000, 0x10000, 0x400
_CLONE_NAMESPACES = 0x7E020000
_O_TRUNC, _O_ACCMODE, _O_TMPFILE = 0o1000, 0o3, 0o20000000
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE = 1, 1, 0xF
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
_TIOCSTI, _TIOCLINUX, _FIOSETOWN, _SIOCSPGRP = 0x5412, 0x541C, 0x8901, 0x8902
_PR_SET_PDEATHSIG = 1


CALLS = (
    # Ended: no decoder has ever called these.
    Rule("kill", "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd pidfd_send_signal", "other processes"),
    Rule("kill", "fanotify_init vhangup process_mrelease", "other processes' files and lives"),
    Rule("kill", "mount umount2 pivot_root chroot setns swapon swapoff", "file systems and namespaces"),
    Rule("kill", "move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr", "the same, newer"),
    Rule("kill", "init_module finit_module delete_module kexec_load kexec_file_load bpf", "the kernel itself"),
    Rule("kill", "userfaultfd open_by_handle_at iopl ioperm modify_ldt", "known ways to take the kernel over"),
    Rule("kill", "keyctl add_key request_key", "the user's keys"),
    Rule("kill", "reboot acct quotactl quotactl_fd sethostname setdomainname", "the machine"),
    Rule("kill", "settimeofday clock_settime", "its clock"),
    # Not there: who calls them has another way.
    Rule("missing", "io_uring_setup io_uring_enter io_uring_register", "calls that no filter sees"),
    Rule("missing", "memfd_create memfd_secret", "memory that no limit counts"),
    Rule("missing", "openat2 clone3", "their arguments cannot be looked at"),
    # Refused: some library may try, and goes on without.
    Rule("refuse", "socket connect bind listen accept accept4 sendmmsg", "no network, and no other program"),
    Rule("refuse", "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat", "Landlock does not hold them"),
    Rule("refuse", "utime utimes futimesat utimensat", "the same"),
    Rule("refuse", "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr", "the same"),
    Rule("refuse", "fallocate", "takes room that nobody counts as written"),
    Rule("refuse", "link linkat symlink symlinkat mknod mknodat truncate", "Landlock holds them, by version"),
    Rule("refuse", "shmget shmat shmctl msgget msgsnd msgrcv msgctl", "shared, and outlives the worker"),
    Rule("refuse", "semget semop semtimedop semctl mq_open mq_unlink", "the same"),
    Rule("refuse", "perf_event_open personality syslog name_to_handle_at unshare", "tells of, or is, a way out"),
    Rule("refuse", "pidfd_open process_madvise migrate_pages move_pages", "other processes"),
    Rule("refuse", "adjtimex clock_adjtime", "the machine's clock"),
    Rule("refuse", "setsid setpgid", "its process group is how it is ended"),
    Rule("refuse", "setpriority ioprio_set sched_setscheduler sched_setparam sched_setattr", "others go first"),
    Rule("refuse", "tkill", "tgkill says whose thread it is"),
    Rule("refuse", "fork", "a process that starts no program"),
)
"""What fails for every worker, whatever it is called with."""


def calls(*, programs: bool, pid: int) -> Iterator[Rule]:
    """All rules for the process ``pid``. ``programs``: whether it may start any; Landlock says which."""
    yield from CALLS
    mine = (Argument(0, _WORD, (pid,)),)
    yield Rule("refuse", "tgkill rt_sigqueueinfo rt_tgsigqueueinfo", "signals to itself only", mine)
    yield Rule("refuse", "prlimit64", "limits of itself only", (Argument(0, _WORD, (0, pid)),))
    stream = (Argument(0, _WORD, (_AF_UNIX,)), Argument(1, _SOCK_TYPE, (_SOCK_STREAM,)))
    yield Rule("refuse", "socketpair", "one of any other pair can send to anybody", stream)
    yield Rule("refuse", "prctl", "it dies with its parent", _never(0, _PR_SET_PDEATHSIG))
    yield Rule("refuse", "fcntl", "signals by way of a descriptor", _never(1, _F_SETOWN, _F_SETSIG, _F_SETOWN_EX))
    control = _never(1, _TIOCSTI, _TIOCLINUX, _FIOSETOWN, _SIOCSPGRP)
    yield Rule("refuse", "ioctl", "the same, and typing into a terminal", control)
    # A file without a name stands in no folder, and old kernels empty one that is opened for reading.
    for call, flags in (("open", 1), ("openat", 2)):
        emptied = Argument(flags, _O_TRUNC | _O_ACCMODE, (_O_TRUNC,), only=False)
        yield Rule("refuse", call, "files must have names", (Argument(flags, _O_TMPFILE, (0,)), emptied))
    # Threads always, with the same files, so that these are seen; processes only on the way to a program.
    thread = _CLONE_THREAD | _CLONE_FILES
    ways = (thread, _CLONE_VFORK) if programs else (thread,)
    tests = (Argument(0, thread | _CLONE_VFORK, ways), Argument(0, _CLONE_NAMESPACES, (0,)))
    yield Rule("refuse", "clone", "threads only, and no namespaces", tests)
    if not programs:
        yield Rule("refuse", "vfork execve execveat", "no programs")
        yield Rule("refuse", "kill", "signals to itself only", mine)


def _never(number: int, *values: int) -> tuple[Argument, ...]:
    return (Argument(number, _WORD, values, only=False),)


# precedence and limits ----------------------------------------------------------------------------------------------


NICENESS = 5
"""The niceness of workers, so that the user's own programs come first."""

_FILE_BYTES = 1 << 30
_OPEN_FILES = 1024


def die_with(parent: int) -> None:
    """End with the process that started this one, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def stand_back() -> None:
    """Give the user's own programs precedence for processor and disk, where the system can do that."""
    import psutil

    niceness = os.nice(NICENESS)
    try:
        # A new session is a new scheduling group, and then only the group's niceness counts (sched(7)).
        Path("/proc/self/autogroup").write_text(str(niceness))
    except OSError:
        pass
    try:
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    except (AttributeError, OSError, ValueError, psutil.Error):
        # Not on this system, or not allowed in this container.
        return


def limit_itself(memory_bytes: int) -> None:
    """Hard limits behind the parent's checks, for what grows faster than these; child processes inherit them.

    ``memory_bytes``: what may be resident, 0 for no limit. The limit here counts address space, much of which is never
    used, so it stands well behind. That of processes counts all of the user's, so it is left alone: the sandbox starts
    none.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, _FILE_BYTES)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    if memory_bytes:
        wall = 2 * memory_bytes + (1 << 30)
        resource.setrlimit(resource.RLIMIT_DATA, (wall, wall))


def _lower(which: int, to: int) -> None:
    _, most = resource.getrlimit(which)
    limit = to if most == resource.RLIM_INFINITY else min(to, most)
    resource.setrlimit(which, (limit, limit))


# environment ----------------------------------------------------------------------------------------------------------


ENVIRONMENT = (
    # The interpreter and the linker: how tests and unusual installations make themselves found.
    *(
        "PATH",
        "HOME",
        "LANG",
        "LANGUAGE",
        "LC_*",
        "TZ",
        "TZDIR",
        "PYTHON*",
        "VIRTUAL_ENV",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
    ),
    # Pillion, where its models and fonts are, and what a test tells its workers.
    *("PILLION_*", "TESSDATA_PREFIX", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "XDG_CACHE_HOME", "XDG_DATA_HOME"),
    *("XDG_DATA_DIRS", "XDG_CONFIG_HOME", "FONTCONFIG_*"),
    # How many threads engines start, which instructions and devices they use, how memory is handed out.
    *("OMP_*", "GOMP_*", "KMP_*", "MKL_*", "OPENBLAS_*", "RAYON_*", "CT2_*", "ORT_*", "CUDA_*", "NVIDIA_*", "MALLOC_*"),
    # Sanitizers, coverage and Rust's own messages, in development.
    *("ASAN_OPTIONS", "UBSAN_OPTIONS", "COVERAGE_*", "RUST_BACKTRACE"),
)
"""The variables that a worker gets; a star stands for any end of a name."""


def environment(of: Mapping[str, str], target: str) -> dict[str, str]:
    """What a worker for ``target`` ("module:function") gets of an environment, beside its folder for temporary files.

    It starts without the user's current folder among those of modules, so it is told where this process found them.
    """
    exact = frozenset(name for name in ENVIRONMENT if not name.endswith("*"))
    starts = tuple(name[:-1] for name in ENVIRONMENT if name.endswith("*"))
    kept = {name: text for name, text in of.items() if name in exact or name.startswith(starts)}
    paths = [path for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path]
    roots = [_root(__name__), _root(target)]
    paths += [root for root in dict.fromkeys(roots) if root and root not in paths and root not in _found_anyway()]
    if paths:
        kept["PYTHONPATH"] = os.pathsep.join(paths)
    return kept


def _root(module: str) -> str | None:
    """The folder in which the package of a module lies, as this process found it."""
    top = module.partition(":")[0].partition(".")[0]
    spec = getattr(sys.modules.get(top), "__spec__", None)
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or [])
    place = places[0] if places else spec.origin
    return None if place is None else os.path.dirname(os.path.abspath(place))


@functools.cache
def _found_anyway() -> frozenset[str]:
    return frozenset(sysconfig.get_paths().values())


# use ------------------------------------------------------------------------------------------------------------------


class Support(NamedTuple):
    """What the kernel has. ``landlock``: the version of its interface, 0 for none; ``missing``: why not all of it."""

    landlock: int
    filter: bool
    missing: str

    @property
    def whole(self) -> bool:
        """Whether a worker can be confined."""
        return self.landlock > 0 and self.filter


@functools.cache
def support() -> Support:
    """What this machine has. Asked once."""
    return Support(*_core.sandbox_support())


_log = logging.getLogger(__name__)


def check(policy: Policy | None) -> None:
    """Say once what of a policy does not hold here. Raises SandboxError where it must."""
    if policy is None or policy.mode is Mode.OFF or support().whole:
        return
    if policy.mode is Mode.REQUIRE:
        raise SandboxError(
            f'No workers start: work.sandbox is "require", and they cannot be confined here ({support().missing}).'
        )
    say_once(support().missing)


@functools.cache
def say_once(missing: str) -> None:
    """Log, once in this process, what does not hold."""
    _log.warning("Workers are not wholly confined here (%s); 'pillion doctor' says what holds.", quoted(missing))


class Orders(msgspec.Struct, frozen=True):
    """What a worker is told when it starts: its policy, None for none, and its own folder."""

    policy: Policy | None
    own: bytes | None


_own: bytes | None = None


def own_folder() -> bytes | None:
    """This worker's own folder, to which alone it may write; None in a process that has none."""
    return _own


def own_path(path: Path) -> Path:
    """Where a worker writes what is to be at ``path``: to the same name in its own folder, from where it is fetched."""
    return path if _own is None else Path(os.fsdecode(_own), path.name)


_ask: Callable[[bytes], bytes] | None = None


def answer_by(ask: Callable[[bytes], bytes]) -> None:
    """Have requests of this worker answered by ``ask``."""
    global _ask
    _ask = ask


def ask(request: bytes) -> bytes:
    """Ask the parent to do what this worker cannot, and wait for its answer."""
    if _ask is None:
        raise RuntimeError("this process has nobody to ask")
    return _ask(request)


def obey(orders: Orders) -> str:
    """Confine this process. Call it while it has one thread, before it reads anything that is not trusted.

    Returns what of it does not hold, and why; empty where all does, or none was wanted. Raises SandboxError where it
    must hold.
    """
    global _own
    _own = orders.own
    policy = orders.policy
    if policy is None or orders.own is None or policy.mode is Mode.OFF or sys.platform != "linux":
        return ""
    rules = calls(programs=bool(policy.programs), pid=os.getpid())
    named = [(call, rule.action, rule.tests) for rule in rules for call in rule.calls.split()]
    try:
        held = Support(*_core.confine(grants(policy, orders.own), named, policy.newest))
    except ItemError as error:
        # Other threads run already, say of a tool that watches all Python programs, or a kernel refuses what it has.
        held = Support(0, False, str(error))
    if policy.mode is Mode.REQUIRE and not held.whole:
        raise SandboxError(f'work.sandbox is "require", and {held.missing}')
    return held.missing
