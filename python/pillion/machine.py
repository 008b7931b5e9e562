"""This machine: its name, locks, processes and signals, file systems, cores with their tokens and threads, battery.

Knows nothing of libraries or media: of Pillion it imports only :mod:`pillion.errors`.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import json
import math
import os
import signal
import socket
import stat
import struct
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Generic, TypeVar

from pillion.errors import LibraryBusyError, LibraryError

T = TypeVar("T")
R = TypeVar("R")


def data_folder() -> Path:
    """Where Pillion keeps what belongs to the user and not to one library."""
    import platformdirs

    return Path(platformdirs.user_data_dir("pillion", appauthor=False))


def device_uuid() -> str:
    """This device's uuid, made at the first call. Two processes that make it at the same time get the same one.

    A user who has no folder for it, as that of a service, has one that follows from the machine's.
    """
    path = data_folder() / "device-uuid"
    try:
        return _read_uuid(path) or _make_uuid(path)
    except OSError as error:
        if error.errno not in _NO_FOLDER:
            raise
        return _uuid_of_machine()


_NO_FOLDER = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)
_MACHINE_ID = Path("/etc/machine-id")


def _read_uuid(path: Path) -> str | None:
    """None if it is not there, or damaged."""
    try:
        return str(uuid.UUID(path.read_text(encoding="ascii").strip()))
    except (FileNotFoundError, ValueError):
        return None


def _make_uuid(path: Path) -> str:
    import tempfile

    made = str(uuid.uuid4())
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(made + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            there = _read_uuid(path)
            if there is not None:
                return there
            os.replace(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
    return _read_uuid(path) or made


def _uuid_of_machine() -> str:
    try:
        machine = _MACHINE_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        machine = str(uuid.getnode())
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"pillion {machine} {socket.gethostname()} {os.getuid()}"))


HOST_VARIABLE = "PILLION_HOST"


host_name = functools.partial(os.environ.get, HOST_VARIABLE, socket.gethostname())
"""The name by which a Location's folder on this machine is kept: ``PILLION_HOST``, or else the machine's own."""


def device_name() -> str:
    """The name of this device."""
    return socket.gethostname()


# locks ----------------------------------------------------------------------------------------------------------------


OnWait = Callable[[str], None]
"""Called once with a sentence that says which process holds the lock."""


class _Turn:
    """A lock file as the threads of this process share it: one at a time, then the lock against other processes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holder: int | None = None


_turns: defaultdict[str, _Turn] = defaultdict(_Turn)


@contextmanager
def exclusive(path: Path, what: str, *, waiting: OnWait | None = None) -> Iterator[None]:
    """Hold the lock ``path`` in order to do ``what``. If another process holds it, call ``waiting``, then wait.

    Without ``waiting`` raise LibraryBusyError instead, which names that process, what it does and since when. Another
    thread of this process is waited for in any case; a thread that holds the lock itself gets LibraryBusyError.
    """
    turn = _turns[os.path.realpath(path)]
    with _opened_lock(path) as file:
        if not turn.lock.acquire(blocking=False):
            holder = _holder(file, path.parent)
            if turn.holder == threading.get_ident():
                raise LibraryBusyError(f"{holder}, in this very thread.")
            if waiting is not None:
                waiting(holder)
            turn.lock.acquire()
        try:
            turn.holder = threading.get_ident()
            _lock(file, path.parent, waiting)
            file.truncate(0)
            file.write(json.dumps({"pid": os.getpid(), "what": what, "since": time.time()}).encode())
            file.flush()
            yield
        finally:
            turn.holder = None
            turn.lock.release()


def _opened_lock(path: Path) -> BinaryIO:
    """A lock's file, made where there is none. A link in its place goes: what it led to would be emptied.

    Raises LibraryError for a folder, which may be somebody's own.
    """
    with suppress(FileNotFoundError):
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode):
            raise LibraryError(f"The lock {path} is a folder: move that away, and run again.")
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            os.unlink(path)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return open(os.open(path, flags, 0o666), "a+b")


def _lock(file: BinaryIO, library: Path, waiting: OnWait | None) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(file, library)
        if waiting is None:
            raise LibraryBusyError(f"{holder}; wait for it or stop it.") from None
        waiting(holder)
        fcntl.flock(file, fcntl.LOCK_EX)


def _holder(file: BinaryIO, library: Path) -> str:
    """Who holds the lock. A note that cannot be read, such as a half-written one, is no reason to fail."""
    file.seek(0)
    try:
        note = json.loads(file.read(1000))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(note["since"])))
        return f"Process {int(note['pid'])} has been {note['what']} the library {library} since {since}"
    except (ValueError, TypeError, KeyError, OverflowError):
        return f"Another process is indexing the library {library}"


# owners ---------------------------------------------------------------------------------------------------------------


_alive: set[str] = set()
"""The owners in this process that are working now."""


def this_owner() -> str:
    """A new owner name, ``host:process:start:random``; the owner counts as alive inside :func:`at_work`."""
    return f"{_host()}:{os.getpid()}:{_process_start(os.getpid())}:{uuid.uuid4().hex[:8]}"


@contextmanager
def at_work(owner: str) -> Iterator[None]:
    """Inside, ``owner`` counts as alive. Afterwards others in this process may take over what it did not give back."""
    _alive.add(owner)
    try:
        yield
    finally:
        _alive.discard(owner)


def is_gone(owner: str) -> bool:
    """Whether ``owner`` was in a process of this machine that has ended, or in this process and has finished."""
    host, pid, start, _ = owner.rsplit(":", 3)
    if host != _host():
        return False
    if int(pid) == os.getpid() and start == _process_start(os.getpid()):
        return owner not in _alive
    return _process_start(int(pid)) != start


def _process_start(pid: int) -> str | None:
    """When a process started, to tell it from earlier and later ones with the same number; None if it is dead.

    Not a time of day, because that changes when the clock is set.
    """
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _start_time(pid)
    try:
        # The name in brackets may contain anything, even brackets and spaces.
        state, *numbers = stat.read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else f"{numbers[18]}-{_boot()}"


def _host() -> str:
    """This host. Containers may have one name and number their processes anew: then the name says which it is."""
    try:
        inode = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        inode = _FIRST_NAMESPACE
    return socket.gethostname() + ("" if inode == _FIRST_NAMESPACE else f".{inode}")


_FIRST_NAMESPACE = 0xEFFFFFFC
"""The inode number of the namespace of process ids that Linux starts with (include/linux/proc_ns.h)."""


@functools.cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""


def _start_time(pid: int) -> str | None:
    import psutil

    try:
        return str(int(psutil.Process(pid).create_time() * 100))
    except psutil.NoSuchProcess:
        return None


# signals --------------------------------------------------------------------------------------------------------------


@contextmanager
def interrupts_end(end: Callable[[], None]) -> Iterator[None]:
    """While inside, the first SIGINT or SIGTERM calls ``end``, and has its usual effect at the end.

    A second one acts at once, as it did before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    caught: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, before[signal.Signals(number)])
        end()

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if caught:
        signal.raise_signal(caught[0])


# file systems ---------------------------------------------------------------------------------------------------------


_FIRST, _LAST = -(1 << 63), (1 << 63) - 1


def mtime_ns(stat: os.stat_result) -> int:
    """The time of the last change in nanoseconds since 1970, in 64 bits as the catalog has it.

    Times before 1677 and after 2262 become the first and the last that fit, as in the core (rust/src/walk.rs).
    """
    return _in_64_bits(stat.st_mtime_ns)


def ctime_ns(stat: os.stat_result) -> int:
    """The time of the last change of the file or what is known of it, as :func:`mtime_ns`."""
    return _in_64_bits(stat.st_ctime_ns)


def _in_64_bits(time_ns: int) -> int:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    whole = min(max(seconds * 1_000_000_000, _FIRST), _LAST)
    return min(whole + rest, _LAST)


SPARSE_BYTES = 64 << 20
"""A file that seems larger is asked how much of it is stored, so that a hole in it earns and takes no time."""


def stored_bytes(path: bytes | Path, size: int) -> int:
    """How many of a file's ``size`` bytes its disk holds, where that may matter; 0 if it cannot be asked."""
    if size <= SPARSE_BYTES:
        return size
    try:
        return min(size, os.stat(path).st_blocks * 512)
    except OSError:
        return 0


def identity_of(folder: bytes) -> str | None:
    """What tells a file system and a folder in it from others; None where the folder is not there or cannot be read.

    The file system's own id where it has one (it survives a remount), and the folder's inode number.
    """
    try:
        system, stat = os.statvfs(folder), os.stat(folder)
    except OSError:
        return None
    return f"{system.f_fsid or stat.st_dev:x}:{stat.st_ino:x}"


# cores ----------------------------------------------------------------------------------------------------------------


@functools.cache
def cores() -> int:
    """How many cores this process may use: those it may run on, and no more than its control group's quota pays for.

    Asked once: neither the affinity nor the quota of a process is expected to change while it works.
    """
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return here if quota is None else max(1, min(here, math.ceil(quota)))


def cpu_quota(groups: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> float | None:
    """The cores that the control groups of this process grant it (containers set this); None without a limit.

    Version 2 (``cpu.max``) and 1 (``cpu.cfs_quota_us``). The smallest quota on the way up to the root counts.
    """
    folders = _control_groups("cpu", groups, mount)
    return min((quota for folder in folders if (quota := _quota_of(folder)) is not None), default=None)


@functools.cache
def memory_bytes(groups: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> int:
    """How much memory this process and its children may use together: the machine's, or less by its control groups.

    Asked once, as :func:`cores`.
    """
    here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    folders = _control_groups("memory", groups, mount)
    return min((limit for folder in folders if (limit := _memory_of(folder)) is not None), default=here)


def _control_groups(controller: str, groups: Path, mount: Path) -> Iterator[Path]:
    """The folders of the control groups that this process is in, and those around them, in both versions."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        names = (controllers, controller, "cpu,cpuacct")
        top = next((mount / name for name in names if (mount / name).is_dir()), mount) if controllers else mount
        inside = Path(path.lstrip("/"))
        yield from (top / inside, *(top / parent for parent in inside.parents))


def _quota_of(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 and int(period) > 0 else None
    except (OSError, ValueError):
        return None


def _memory_of(folder: Path) -> int | None:
    """Its limit. A group without one says ``max``, or a number larger than any memory."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            limit = int((folder / name).read_text())
            if 0 < limit < 1 << 60:
                return limit
    return None


# tokens for cores -----------------------------------------------------------------------------------------------------

# The workers of one pool share its cores by jobserver tokens: a lone job may use all of them, many jobs have one each.
# A token stands for a core in use: each worker holds one while it runs an item, and one more for each extra thread. It
# is a lock on one byte of a file that all workers have open, so the kernel releases it when a worker dies. Nobody waits
# for a token: an item always starts, and a worker with several checks between two parts of its work whether it may keep
# them.

_FLOCK = "hhqqi4x"
"""``struct flock`` of 64-bit Linux: type, whence, start, length, process."""


class JobServer:
    """The tokens of all processes that share ``cores`` cores. ``descriptor``: the file, open for writing."""

    def __init__(self, descriptor: int, cores: int) -> None:
        self.descriptor = descriptor
        self.cores = cores
        # Items start whether a core is free or not, so there may be more tokens than cores.
        self._places = range(4 * cores + 16)
        self._mine: set[int] = set()

    @classmethod
    def create(cls, cores: int) -> JobServer:
        """A new one, for the processes that this one will start. It lasts as long as one of them has it open."""
        return cls(os.memfd_create("pillion-tokens", os.MFD_CLOEXEC), cores)

    def acquire(self) -> int:
        """Say that one more core is in use here; returns what :meth:`release` takes. -1: there is no place left."""
        for place in self._places:
            if place not in self._mine and self._locked(place):
                self._mine.add(place)
                return place
        return -1

    def release(self, place: int) -> None:
        """It is not any more."""
        if place >= 0:
            self._mine.discard(place)
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN, 1, place)

    def in_use(self) -> int:
        """How many tokens are held, by all processes."""
        return len(self._mine) + sum(self._is_locked_elsewhere(place) for place in self._places)

    def _locked(self, place: int) -> bool:
        try:
            fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        return True

    def _is_locked_elsewhere(self, place: int) -> bool:
        probe = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
        kind: int = struct.unpack(_FLOCK, fcntl.fcntl(self.descriptor, fcntl.F_GETLK, probe))[0]
        return kind != fcntl.F_UNLCK


_tokens_lock = threading.Lock()
_server: JobServer | None = None
_extra_cores = 0


def share_cores(server: JobServer) -> None:
    """From now on this process shares the cores of ``server`` with the others that have it."""
    global _server
    _server = server


def on_a_core(run: Callable[[T], R], argument: T) -> R:
    """What ``run`` makes of an argument. Meanwhile this process uses a core."""
    if _server is None:
        return run(argument)
    with _tokens_lock:
        place = _server.acquire()
    try:
        return run(argument)
    finally:
        with _tokens_lock:
            _server.release(place)


class ExtraCore:
    """One more core, for a thread of this process, as long as nobody else needs it; from :func:`acquire_extra_core`."""

    def __init__(self, server: JobServer | None, place: int) -> None:
        self._server = server
        self._place = place

    def may_keep(self) -> bool:
        """Whether there are still cores for all that is at work."""
        with _tokens_lock:
            return self._server is None or self._server.in_use() <= self._server.cores

    def release(self) -> None:
        """Call it once, when the thread is done."""
        global _extra_cores
        with _tokens_lock:
            _extra_cores -= 1
            if self._server is not None:
                self._server.release(self._place)


def acquire_extra_core(at_most: int) -> ExtraCore | None:
    """One more core if one is free, and if this process then has no more than ``at_most``, its first one included."""
    global _extra_cores
    with _tokens_lock:
        if _extra_cores + 1 >= at_most or (_server is not None and _server.in_use() >= _server.cores):
            return None
        _extra_cores += 1
        return ExtraCore(_server, -1 if _server is None else _server.acquire())


# threads on these cores -----------------------------------------------------------------------------------------------


def threads_available() -> int:
    """The cores this process may use, or ``OMP_THREAD_LIMIT`` if that is less.

    The limit must be kept to: CTranslate2 divides its work by the number of threads it asked for, so one that asks for
    two where OpenMP grants one leaves half of each product uncomputed, and returns wrong numbers without an error.
    """
    here = cores()
    limit = os.environ.get("OMP_THREAD_LIMIT", "")
    return max(1, min(here, int(limit))) if limit.isdecimal() else here


def limit_threads(share: float) -> None:
    """Limit this process to a share of the threads, at least one. Call it before an engine is loaded."""
    os.environ["OMP_THREAD_LIMIT"] = str(max(1, int(threads_available() * share)))


def spread(tasks: Iterable[Callable[[], R]], at_most: int = 64) -> Iterator[R]:
    """The results of ``tasks``, in order. They run in this thread and in one more for each free core.

    ``at_most``: threads, this one included.
    ``tasks`` is read in this thread, only a little ahead of the work, so it may make each task at some cost. A task
    that raises does so here, when it is its turn. Worth it for tasks that let go of the GIL for some 10 ms or more.
    """
    crew: _Crew[R] = _Crew(at_most)
    futures: deque[Future[R]] = deque()
    try:
        for task in tasks:
            futures.append(crew.add(task))
            while crew.is_behind():
                crew.run_one()
            while futures and futures[0].done():
                yield futures.popleft().result()
        while crew.run_one():
            pass
        while futures:
            yield futures.popleft().result()
    finally:
        crew.dismiss()


class Beside(Generic[R]):
    """A task for which a free core is used meanwhile, if there is one; else it is done when its result is asked for.

    From :func:`beside`. For a task that lets go of the GIL for some 10 ms or more, and depends on nothing that is done
    meanwhile.
    """

    def __init__(self, task: Callable[[], R]) -> None:
        self._task = task
        self._future: Future[R] = Future()
        self._helper: threading.Thread | None = None

    def result(self) -> R:
        """What the task returned; raises what it raised. Every call gives the same."""
        if self._helper is None and not self._future.done():
            self._run()
        return self._future.result()

    def _begin(self, at_most: int) -> None:
        extra = acquire_extra_core(min(at_most, threads_available()))
        if extra is not None:
            self._helper = threading.Thread(target=self._help, args=(extra,), name="pillion-helper", daemon=True)
            self._helper.start()

    def _help(self, extra: ExtraCore) -> None:
        try:
            self._run()
        finally:
            extra.release()

    def _run(self) -> None:
        try:
            result = self._task()
        except BaseException as error:
            self._future.set_exception(error)
        else:
            self._future.set_result(result)

    def _end(self) -> None:
        if self._helper is not None:
            self._helper.join()


@contextmanager
def beside(task: Callable[[], R], at_most: int = 64) -> Iterator[Beside[R]]:
    """While inside, a free core is at work on the task; see :class:`Beside`. No thread is left at the end.

    ``at_most``: threads, this one included.
    """
    begun = Beside(task)
    begun._begin(at_most)
    try:
        yield begun
    finally:
        begun._end()


class _Crew(Generic[R]):
    """Waiting tasks, and the threads that help with them."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[], R], Future[R]]] = deque()
        self._helpers: set[threading.Thread] = set()

    def add(self, task: Callable[[], R]) -> Future[R]:
        """Add a task, and start a helper if a core is free."""
        future: Future[R] = Future()
        with self._lock:
            self._waiting.append((task, future))
        extra = acquire_extra_core(min(self._at_most, threads_available())) if self.is_behind() else None
        if extra is not None:
            helper = threading.Thread(target=self._help, args=(extra,), name="pillion-helper", daemon=True)
            with self._lock:
                self._helpers.add(helper)
            helper.start()
        return future

    def is_behind(self) -> bool:
        """Whether more tasks wait than there are helpers."""
        with self._lock:
            return len(self._waiting) > len(self._helpers)

    def run_one(self) -> bool:
        """Run the oldest waiting task in the calling thread; False if there is none."""
        with self._lock:
            if not self._waiting:
                return False
            task, future = self._waiting.popleft()
        try:
            result = task()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return True

    def dismiss(self) -> None:
        """Drop the waiting tasks, and wait for the helpers to finish theirs."""
        with self._lock:
            self._waiting.clear()
            helpers = tuple(self._helpers)
        for helper in helpers:
            helper.join()

    def _help(self, extra: ExtraCore) -> None:
        try:
            while self.run_one() and extra.may_keep():
                pass
        finally:
            extra.release()
            with self._lock:
                self._helpers.discard(threading.current_thread())


# battery --------------------------------------------------------------------------------------------------------------


def on_battery() -> bool:
    """Whether this machine runs on battery; False if it has none or the system does not say."""
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is not None and battery.power_plugged is False
