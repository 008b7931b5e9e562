"""A worker process, from both ends: what it runs, and :class:`Worker`, which is what its parent sees of it.

It receives batches, runs one item after the other, and sends each result back at once.

Started by pool.py as ``python -P -m pillion.pool.child FD PARENT MODULE:FUNCTION LIMITS JOBSERVER``. It confines itself
as its first message says (sandbox.py), and only then imports the target. It reports each item before it starts it, so
that if it dies only that item fails. It dies with its parent: by the kernel's parent-death signal while it works, by
the closed connection while it waits.

A module that can work on several items together has a function ``prepare`` beside the target. It is called with all
items of a batch before the first one, and keeps its results in the process, where the target finds them. If the process
dies in there, no item fails: the batch is run again without it.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from pillion import machine
from pillion.errors import ErrorClass, ItemError
from pillion.failpoints import reach
from pillion.pool import keepalive, sandbox
from pillion.pool.sandbox import Orders, Policy, environment, make_folder
from pillion.pool.wire import Channel, Codec, Link, Sign, frame

_PR_SET_PDEATHSIG = 1
NICENESS = 5
"""The niceness of workers, so that the user's own programs come first."""

_FILE_BYTES = 1 << 30
_OPEN_FILES = 1024

NEXT_ITEM = b"\x1e"
"""Written to stderr before each item: what follows belongs to that item."""

TELL = signal.SIGUSR1
"""Makes a worker write a traceback to stderr, even while it is inside an engine."""


class Limits(NamedTuple):
    """When a worker is stopped or replaced.

    ``memory_bytes``: of resident memory, above which its item fails (0: never). ``recycle_bytes``,
    ``recycle_items``: it is replaced after a batch if it uses more memory or has run more items.
    """

    memory_bytes: int
    recycle_bytes: int
    recycle_items: int


def resident_bytes(pid: int | str = "self") -> int:
    """The resident memory of a process; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def own_bytes(pid: int) -> int:
    """The resident memory of a process that belongs to it alone: no files, nothing shared; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            fields = file.read().split()
        return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def written_bytes(pid: int) -> int:
    """How many bytes a process has had written to disks so far, in pages; 0 if it is gone or nobody counts."""
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(b"write_bytes:")), 0)
    except (OSError, IndexError, ValueError):
        return 0


def cpu_seconds(pid: int | str = "self") -> float:
    """The processor time of a process and of its children that have ended; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # Its name may hold anything, so count from the bracket behind it (proc(5), fields 14 to 17).
            ticks = file.read().rpartition(b")")[2].split()[11:15]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0


def busy_seconds(pid: int) -> float:
    """How long the threads of a process have run or waited for a processor, all together; 0 where nobody counts.

    What waits for a disk, a lock or another process is not busy; what others keep from the processors is.
    """
    total = 0
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return 0.0
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:
                total += sum(map(int, file.read().split()[:2]))
        except (OSError, ValueError):
            continue
    return total / 1e9


def serve(channel: Channel, codec: Codec, limits: Limits) -> None:
    """Run batches until the parent closes the connection, or until this process has to be replaced."""
    prepare = getattr(codec.module, "prepare", None)
    ran = 0
    while (message := channel.receive()) is not None:
        sign, data = message
        batch = codec.items(data)
        reach("child.batch")
        if sign is Sign.PREPARED_BATCH and prepare is not None:
            _mark_item()
            channel.send(frame(Sign.PREPARING))
            reach("child.prepare")
            with machine.core_in_use():
                prepare(batch)
        for index, item in enumerate(batch):
            _mark_item()
            channel.send(frame(Sign.STARTED))
            reach("child.item")
            with machine.core_in_use():
                result = codec.function(item)
            reach("child.made")
            ran += 1
            is_old = ran >= limits.recycle_items or resident_bytes() > limits.recycle_bytes
            last = index == len(batch) - 1 and is_old
            channel.send(codec.result_frame(result, last=last))
            reach("child.sent")
            if last:
                return


def _mark_item() -> None:
    try:
        os.write(2, NEXT_ITEM)
    except OSError:
        # An engine may have closed it.
        return


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _stand_back() -> None:
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


def _limit_itself(limits: Limits) -> None:
    """Hard limits behind the parent's checks, for what grows faster than these; child processes inherit them.

    That of memory counts address space, much of which is never used, so it stands well behind the limit. That of
    processes counts all of the user's, so it is left alone: the sandbox starts none.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, _FILE_BYTES)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    if limits.memory_bytes:
        wall = 2 * limits.memory_bytes + (1 << 30)
        resource.setrlimit(resource.RLIMIT_DATA, (wall, wall))


def _lower(which: int, to: int) -> None:
    _, most = resource.getrlimit(which)
    limit = to if most == resource.RLIM_INFINITY else min(to, most)
    resource.setrlimit(which, (limit, limit))


def _orders(channel: Channel) -> sandbox.Orders:
    """The first message. Without one, the parent is gone."""
    message = channel.receive()
    if message is None or message[0] is not Sign.ORDERS:
        os._exit(0)
    return msgspec.msgpack.decode(message[1], type=sandbox.Orders)


def _asked(channel: Channel, request: bytes) -> bytes:
    """The answer of the parent, which sends nothing else meanwhile."""
    channel.send(frame(Sign.ASK, request))
    message = channel.receive()
    if message is None or message[0] is not Sign.ANSWER:
        os._exit(0)
    return message[1]


def main() -> None:
    """Entry point; see the module's docstring for the arguments."""
    descriptor, parent, target, limits = (
        int(sys.argv[1]),
        int(sys.argv[2]),
        sys.argv[3],
        Limits(*map(int, sys.argv[4].split(":"))),
    )
    server = machine.JobServer(*map(int, sys.argv[5].split(":")))
    _die_with_parent(parent)
    _limit_itself(limits)
    faulthandler.enable()
    faulthandler.register(TELL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(descriptor, False)
    os.set_inheritable(server.descriptor, False)
    machine.share_cores(server)
    _stand_back()
    channel = Channel(descriptor)
    # Before the target is imported: engines start threads when they are loaded, and these would stay free.
    missing = sandbox.obey(_orders(channel))
    sandbox.answer_by(lambda request: _asked(channel, request))
    codec = Codec(target)
    keepalive.listen(lambda: channel.send(frame(Sign.BEAT)))
    reach("child.ready")
    channel.send(frame(Sign.READY, missing.encode()))
    serve(channel, codec, limits)
    # Engines can take long to unload, and nothing is left to save.
    os._exit(0)


# as its parent sees it ------------------------------------------------------------------------------------------------


_TAIL_BYTES = 4000
"""How many bytes of a child's stderr are kept."""

_STDERR_READS = 16
"""How often it is read at a time, so that a child that never stops writing holds nobody up."""

_REAP_S = 1.0
"""How long to wait for a killed child to exit. One that waits for a dead disk may never exit."""

_unreaped: list[subprocess.Popen[bytes]] = []
"""Killed children that did not exit in that time. They are reaped when the next one is spawned."""


class Worker:
    """A child process that runs ``target``. It leads a process group, so that the processes it starts end with it.

    ``server``: gives it tokens for the cores that it uses. ``policy``: what it may use; None: all that its parent may.
    With one, it has a folder of its own, ``folder``, until :meth:`close`.
    """

    def __init__(
        self, target: str, codec: Codec, limits: Limits, server: machine.JobServer, policy: Policy | None = None
    ) -> None:
        reach("pool.start")
        self.policy = policy
        self.folder = None if policy is None else make_folder(policy)
        try:
            self._start(target, limits, server)
        except BaseException:
            self._remove_folder()
            raise
        self._tail = b""
        self._codec = codec
        own = None if self.folder is None else os.fsencode(self.folder)
        self.link.send(frame(Sign.ORDERS, msgspec.msgpack.encode(Orders(policy=policy, own=own))))

    def _start(self, target: str, limits: Limits, server: machine.JobServer) -> None:
        _unreaped[:] = [process for process in _unreaped if process.poll() is None]
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: the folder that the user is in may hold anything, also modules.
            command = [sys.executable, "-P", "-m", "pillion.pool.child", str(theirs.fileno()), str(os.getpid())]
            numbers = (limits, (server.descriptor, server.cores))
            try:
                self._process = subprocess.Popen(
                    [*command, target, *(":".join(map(str, some)) for some in numbers)],
                    pass_fds=[theirs.fileno(), server.descriptor],
                    env=environment(os.environ, target, self.folder),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        assert self._process.stderr is not None
        self._stderr = self._process.stderr
        self.stderr = self._stderr.fileno()
        """The descriptor to wait on; call :meth:`read_stderr` when it can be read."""
        os.set_blocking(self.stderr, False)
        self.link = Link(ours)

    def read_stderr(self) -> bool:
        """Read what the child wrote to stderr, or a part of it; False at its end."""
        for _ in range(_STDERR_READS):
            try:
                data = os.read(self.stderr, 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._tail = (self._tail + data).rsplit(NEXT_ITEM, 1)[-1][-_TAIL_BYTES:]
        return True

    def stderr_tail(self) -> str:
        """The end of what the child wrote to stderr during its current item."""
        self.read_stderr()
        return self._tail.decode("utf-8", errors="replace").strip()

    def send(self, batch: Sequence[Any], *, prepares: bool) -> None:
        """Send the arguments of a batch. ``prepares``: it may prepare all of them together before it starts the first.

        That the child is gone shows when one reads from it.
        """
        self.link.send(self._codec.batch(batch, prepares=prepares))

    def resident_bytes(self) -> int:
        """Resident memory of the child and of the programs that it started."""
        pid = self._process.pid
        total = resident_bytes(pid)
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                return total + sum(resident_bytes(int(started)) for started in file.read().split())
        except OSError:
            return total

    def own_bytes(self) -> int:
        """Memory that only the child uses, without libraries, models and other files that it shares."""
        return own_bytes(self._process.pid)

    def cpu_seconds(self) -> float:
        """Processor time that the child, and the programs that it started and that have ended, have used so far."""
        return cpu_seconds(self._process.pid)

    def busy_seconds(self) -> float:
        """How long the child has used processors or waited for one, so that load does not hide that it spins."""
        return max(busy_seconds(self._process.pid), self.cpu_seconds())

    def written_bytes(self) -> int:
        """Bytes that the child has had written to disks so far."""
        return written_bytes(self._process.pid)

    def ask(self) -> None:
        """Make the child write a traceback to stderr."""
        os.kill(self._process.pid, TELL)

    def kill(self) -> None:
        """Kill the child and its process group by SIGKILL, which nothing can ignore."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def end(self) -> int | None:
        """Kill the child and close the connection; its exit code (negative: a signal), or None if it does not exit."""
        if self._process.returncode is None:
            self.kill()
        self.link.close()
        try:
            code: int | None = self._process.wait(timeout=_REAP_S)
        except subprocess.TimeoutExpired:
            code = None
            _unreaped.append(self._process)
        self.read_stderr()
        return code

    def close(self) -> None:
        """Close its stderr and remove its folder. Call it after the last :meth:`stderr_tail`."""
        self._stderr.close()
        self._remove_folder()

    def _remove_folder(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def start_helper(command: Sequence[str], target: str) -> subprocess.Popen[bytes]:
    """A process that makes what a child may not make. It reads nothing that a child wrote. Raises OSError."""
    paths = environment(os.environ, target).get("PYTHONPATH")
    return subprocess.Popen(
        command,
        env={**os.environ, **({} if paths is None else {"PYTHONPATH": paths})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end_helper(helper: subprocess.Popen[bytes]) -> bytes:
    """Kill it if it still runs; returns what it printed, which is less than a pipe holds."""
    if helper.poll() is None:
        os.killpg(helper.pid, signal.SIGKILL)
    answer, _ = helper.communicate()
    return answer


def exit_error(code: int | None, stderr_tail: str) -> ItemError:
    """The error of an item whose worker exited without a result, also with exit code 0."""
    if code is None:
        return ItemError(ErrorClass.CRASH, "Its worker process hangs and cannot be killed.", stderr_tail)
    if code < 0:
        name = signal.Signals(-code).name
        return ItemError(ErrorClass.CRASH, f"Its worker process died of {name}.", stderr_tail, name)
    return ItemError(
        ErrorClass.CRASH, f"Its worker process ended with exit code {code}.", stderr_tail, f"exit code {code}"
    )


if __name__ == "__main__":
    main()
