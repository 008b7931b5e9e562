"""A worker process, from both ends: what it runs, what its parent sees of it, and what passes between the two.

It receives batches, runs one item after the other, and sends each result back at once.

Started by pool.py as ``python -P -m pillion.pool.child FD PARENT MODULE:FUNCTION LIMITS JOBSERVER``. It confines itself
as its first message says (sandbox.py), and only then imports the target. It reports each item before it starts it, so
that if it dies only that item fails. It dies with its parent: by the kernel's parent-death signal while it works, by
the closed connection while it waits.

A module that can work on several items together has a function ``prepare`` beside the target. It is called with all
items of a batch before the first one, and keeps its results in the process, where the target finds them. If the process
dies in there, no item fails: the batch is run again without it.

A file that takes a child over also writes to its parent, so the parent believes neither lengths nor contents, and
nothing that is received is ever run. A frame is its length (4 bytes, little endian), one byte that says what it is (a
:class:`Sign`), and MessagePack. The types of tasks and results are those in the annotations of the pool's target, which
may use numbers, text, bytes, paths, tuples, mappings, enums and dataclasses. All other types are refused.
"""

from __future__ import annotations

import faulthandler
import functools
import gc
import importlib
import math
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import GenericAlias
from typing import Any, NamedTuple, get_type_hints

import msgspec

from pillion import machine
from pillion.errors import ErrorClass, ItemError
from pillion.failpoints import reach
from pillion.model import Allowance
from pillion.pool import keepalive, sandbox
from pillion.pool.sandbox import Orders, Policy

# what passes between the two ends -------------------------------------------------------------------------------------


_LENGTH = struct.Struct("<I")

MAX_BATCH_BYTES = 64 << 20
MAX_RESULT_BYTES = 1 << 20
"""A result says what was made; the bytes themselves are in staging."""

_CHUNK = 1 << 16


class Sign(IntEnum):
    """What a frame is. Batches, orders and answers go to a child, the others come from it."""

    BATCH = 1
    """Items to run, one after the other."""
    PREPARED_BATCH = 2
    """Items that it may prepare all together first: no item is at fault until one has started."""
    READY = 3
    """It can take a batch. Its data, as text: what of its sandbox does not hold, and why."""
    PREPARING = 4
    """It prepares its batch."""
    STARTED = 5
    """It runs the next item: if it dies from here on, that item is at fault."""
    BEAT = 6
    """A part of the item is done, and its deadline starts again."""
    RESULT = 7
    """What the target returned for the item."""
    LAST_RESULT = 8
    """The same, and it takes no more: this process ends."""
    ORDERS = 9
    """What it may use, before anything else."""
    ASK = 10
    """It waits for something to be made that it cannot make."""
    ANSWER = 11
    """To that."""


class WireError(Exception):
    """What came is not what the other side may send. The message says what is wrong with it."""


def frame(sign: Sign, data: bytes = b"") -> bytes:
    """The bytes to send."""
    return _LENGTH.pack(len(data) + 1) + bytes((sign,)) + data


class Inbox:
    """Bytes as they come, cut into frames. Holds no more than one frame of ``limit`` bytes and what came with it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Sign, bytes]]:
        """Add what came; gives the frames that are whole now. Raises WireError at the first that cannot be one."""
        self._data += data
        return iter(self._next, None)

    def _next(self) -> tuple[Sign, bytes] | None:
        if len(self._data) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._data)
        if not 1 <= length <= self._limit:
            raise WireError(f"a message of {length} bytes")
        end = _LENGTH.size + length
        if len(self._data) < end:
            return None
        found = _sign(self._data[_LENGTH.size]), bytes(self._data[_LENGTH.size + 1 : end])
        del self._data[:end]
        return found


def _sign(number: int) -> Sign:
    try:
        return Sign(number)
    except ValueError as error:
        raise WireError(f"a message of the unknown kind {number}") from error


class Codec:
    """Tasks and results of a target, "module:function" with one argument, as bytes.

    Raises ImportError or AttributeError where there is no such function, TypeError where its annotations say nothing.
    """

    def __init__(self, target: str) -> None:
        module, _, name = target.partition(":")
        self.module = importlib.import_module(module)
        self.function: Callable[[Any], Any] = getattr(self.module, name)
        hints = get_type_hints(self.function)
        result = hints.pop("return", None)
        if result is None or len(hints) != 1:
            raise TypeError(f"{target} must have one argument and a result, both with their types")
        (task,) = hints.values()
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
        self._tasks = msgspec.msgpack.Decoder(GenericAlias(list, (task,)), dec_hook=_rich)
        self._result = msgspec.msgpack.Decoder(result, dec_hook=_rich)

    def batch(self, items: Sequence[Any], *, prepares: bool) -> bytes:
        """The frame of a batch."""
        return frame(Sign.PREPARED_BATCH if prepares else Sign.BATCH, self.packed_items(items))

    def packed_items(self, items: Sequence[Any]) -> bytes:
        """The items of a batch, without its frame; :meth:`items` reads it."""
        return self._encoder.encode(list(items))

    def items(self, data: bytes) -> Sequence[Any]:
        """The items of a batch. Raises WireError."""
        items: list[Any] = _decoded(self._tasks, data)
        return items

    def result_frame(self, result: Any, *, last: bool) -> bytes:
        """The frame of a result."""
        return frame(Sign.LAST_RESULT if last else Sign.RESULT, self.packed_result(result))

    def packed_result(self, result: Any) -> bytes:
        """A result, without its frame; :meth:`result` reads it."""
        return self._encoder.encode(result)

    def result(self, data: bytes) -> Any:
        """What the target returned. Raises WireError."""
        return _decoded(self._result, data)


@functools.cache
def codec_of(target: str) -> Codec:
    """The codec of a target, made once: reading its types takes longer than a small batch. Raises as :class:`Codec`."""
    return Codec(target)


def _decoded(decoder: msgspec.msgpack.Decoder[Any], data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise WireError(f"a message that is no result: {error}"[:200]) from error


def _plain(value: Any) -> Any:
    """A path as its bytes: a name need not be valid text."""
    if isinstance(value, Path):
        return os.fsencode(value)
    raise TypeError(f"{type(value).__name__} does not pass between processes")


def _rich(wanted: type, value: Any) -> Any:
    if wanted is Path and isinstance(value, bytes):
        return Path(os.fsdecode(value))
    raise TypeError(f"{wanted} does not pass between processes")


class Channel:
    """A child's end of the connection. It waits for its parent."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._inbox = Inbox(MAX_BATCH_BYTES)
        self._frames: deque[tuple[Sign, bytes]] = deque()

    def send(self, data: bytes) -> None:
        """Send a frame."""
        self._socket.sendall(data)

    def receive(self) -> tuple[Sign, bytes] | None:
        """The next frame; None if the parent has closed the connection."""
        while not self._frames:
            try:
                data = self._socket.recv(_CHUNK)
            except OSError:
                return None
            if not data:
                return None
            self._frames.extend(self._inbox.feed(data))
        return self._frames.popleft()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class Link:
    """The parent's end of the connection to a child. It never waits for it."""

    def __init__(self, ours: socket.socket) -> None:
        ours.setblocking(False)
        self._socket = ours
        self.descriptor = ours.fileno()
        """The descriptor to wait on."""
        self._inbox = Inbox(MAX_RESULT_BYTES)
        self._outbox = bytearray()

    @property
    def has_more(self) -> bool:
        """Whether something waits to be sent; call :meth:`flush` when the descriptor takes it."""
        return bool(self._outbox)

    def send(self, data: bytes) -> None:
        """Send a frame, now or when the child takes it. A child that is gone shows when one reads from it."""
        self._outbox += data
        self.flush()

    def flush(self) -> None:
        """Send as much as the child takes now."""
        try:
            while self._outbox:
                del self._outbox[: self._socket.send(bytes(self._outbox[: 4 * _CHUNK]))]
        except BlockingIOError:
            return
        except OSError:
            self._outbox.clear()

    def receive(self) -> Iterable[tuple[Sign, bytes]] | None:
        """The frames that have come whole; None if the child has closed the connection. Iterating raises WireError."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return ()
        except OSError:
            return None
        return self._inbox.feed(data) if data else None

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


# in the child ---------------------------------------------------------------------------------------------------------


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
            machine.on_a_core(prepare, batch)
        for index, item in enumerate(batch):
            _mark_item()
            channel.send(frame(Sign.STARTED))
            reach("child.item")
            result = machine.on_a_core(codec.function, item)
            reach("child.made")
            ran += 1
            if ran == 1:
                # What is loaded by now stays: no search for garbage goes through it again.
                gc.freeze()
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
    sandbox.die_with(parent)
    sandbox.limit_itself(limits.memory_bytes)
    faulthandler.enable()
    faulthandler.register(TELL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(descriptor, False)
    os.set_inheritable(server.descriptor, False)
    machine.share_cores(server)
    sandbox.stand_back()
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


def resident_bytes(pid: int | str = "self") -> int:
    """The resident memory of a process; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


_TAIL_BYTES = 4000
"""How many bytes of a child's stderr are kept."""

_STDERR_READS = 16
"""How often it is read at a time, so that a child that never stops writing holds nobody up."""

_REAP_S = 1.0
"""How long to wait for a killed child to exit. One that waits for a dead disk may never exit."""

_BUSY_SHARE = 0.5
"""Of the time of a step, above which the child does not wait for something but computes."""

_LEAST_SHARE = 0.02
"""Of a processor: a step that gets less of one, since others use them, is given up until there is more."""

_LEAST_PATIENCE_S = 0.05

_UNLIMITED = Allowance(step_s=math.inf)

Verdict = tuple[ErrorClass, str]
"""Why a worker is stopped."""

_unreaped: list[subprocess.Popen[bytes]] = []
"""Killed children that did not exit in that time. They are reaped when the next one is spawned."""


class Worker:
    """A child process that runs ``target``. It leads a process group, so that the processes it starts end with it.

    ``server``: gives it tokens for the cores that it uses. ``environment``: its variables. ``policy``: what it may use;
    None: all that its parent may. With one, it has a folder of its own, ``folder``, until :meth:`close`.
    """

    def __init__(
        self,
        target: str,
        codec: Codec,
        limits: Limits,
        server: machine.JobServer,
        environment: Mapping[str, str],
        policy: Policy | None = None,
    ) -> None:
        reach("pool.start")
        self.policy = policy
        self.folder = None if policy is None else _new_folder(policy)
        try:
            self._start(target, limits, server, environment)
        except BaseException:
            self._remove_folder()
            raise
        self._tail = b""
        self._codec = codec
        own = None if self.folder is None else os.fsencode(self.folder)
        self.link.send(frame(Sign.ORDERS, msgspec.msgpack.encode(Orders(policy=policy, own=own))))

    def _start(self, target: str, limits: Limits, server: machine.JobServer, environment: Mapping[str, str]) -> None:
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
                    env={**environment, **({} if self.folder is None else {"TMPDIR": str(self.folder)})},
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
        return self._tail.decode("utf-8", errors="replace").replace("\0", "").strip()

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
        """Memory of the child that belongs to it alone: no files, such as models and libraries, nothing shared."""
        try:
            with open(f"/proc/{self._process.pid}/statm", "rb") as file:
                fields = file.read().split()
            return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return 0

    def written_bytes(self) -> int:
        """Bytes that the child has had written to disks so far, in pages; 0 if it is gone or nobody counts."""
        try:
            with open(f"/proc/{self._process.pid}/io", "rb") as file:
                return next((int(line.split()[1]) for line in file if line.startswith(b"write_bytes:")), 0)
        except (OSError, IndexError, ValueError):
            return 0

    def cpu_seconds(self) -> float:
        """Processor time of the child, and of what it started and that has ended, so far; 0 if it is gone."""
        try:
            with open(f"/proc/{self._process.pid}/stat", "rb") as file:
                # Its name may hold anything, so count from the bracket behind it (proc(5), fields 14 to 17).
                ticks = file.read().rpartition(b")")[2].split()[11:15]
            return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError, ValueError):
            return 0.0

    def busy_seconds(self) -> float:
        """How long the child's threads have run or waited for a processor, together, so that load hides no spinning.

        What waits for a disk, a lock or another process is not busy; what others keep from the processors is. At least
        its processor time, where nobody counts the rest.
        """
        total = 0
        tasks = f"/proc/{self._process.pid}/task"
        try:
            threads = os.listdir(tasks)
        except OSError:
            threads = []
        for thread in threads:
            try:
                with open(f"{tasks}/{thread}/schedstat", "rb") as file:
                    total += sum(map(int, file.read().split()[:2]))
            except (OSError, ValueError):
                continue
        return max(total / 1e9, self.cpu_seconds())

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


def _new_folder(policy: Policy) -> Path:
    """A new private folder for a worker. Raises OSError."""
    home = None if policy.home is None else os.fsdecode(policy.home)
    return Path(tempfile.mkdtemp(prefix=policy.prefix, dir=home))


@dataclass(slots=True)
class Clock:
    """What a worker may use for what it does now, and has used.

    ``until``: its deadline, never after ``ends``; ``cpu_until``: the same of its processor time; ``written_until``: the
    same of the bytes it writes. ``began``: when its step began; ``busy_before``, ``cpu_before``: how long it had been
    busy, and had used a processor, by then. ``patient_until``: how long others wait for what it does, which began
    at ``asked``; ``cpu_asked``: the processor time by then; ``memory_until``: the resident memory at which that counts
    as too large.
    """

    worker: Worker
    until: float
    ends: float = math.inf
    cpu_until: float = math.inf
    written_until: float = math.inf
    patient_until: float = math.inf
    memory_until: float = math.inf
    allowed: Allowance = _UNLIMITED
    began: float = 0.0
    busy_before: float = 0.0
    cpu_before: float = 0.0
    asked: float = 0.0
    cpu_asked: float = 0.0

    def start(self, items: Sequence[Allowance], *, loads: bool = False) -> None:
        """It begins with these items: the longest of their times counts, and the processor time of all.

        ``loads``: it has to load their engines first, which takes nobody's patience.
        """
        self.allowed = Allowance(
            step_s=max(allowed.step_s for allowed in items),
            step_cpu_s=sum(allowed.step_cpu_s for allowed in items),
            whole_s=max(allowed.whole_s for allowed in items),
            memory_bytes=sum(allowed.memory_bytes for allowed in items),
            patience_s=sum(allowed.patience_s for allowed in items),
            loading_s=max(allowed.loading_s for allowed in items),
            written_bytes=sum(allowed.written_bytes for allowed in items),
        )
        self.asked = time.monotonic()
        self.ends = self.asked + self.allowed.whole_s
        self.patient_until = self.asked + self.allowed.patience_s + (self.allowed.loading_s if loads else 0.0)
        self.memory_until = self.allowed.memory_bytes
        if self.memory_until < math.inf:
            self.memory_until += self.worker.resident_bytes()
        if self.worker.folder is not None:
            self.written_until = self.worker.written_bytes() + self.allowed.written_bytes
        self.start_step()
        self.cpu_asked = self.cpu_before

    def start_step(self) -> None:
        """It gave a sign of life, so the time of a step starts again."""
        self.began = time.monotonic()
        self.until = min(self.began + self.allowed.step_s, self.ends)
        self.cpu_until = math.inf
        if self.allowed.step_s < math.inf:
            self.busy_before, self.cpu_before = self.worker.busy_seconds(), self.worker.cpu_seconds()
        if self.allowed.step_cpu_s < math.inf:
            self.cpu_until = self.worker.cpu_seconds() + self.allowed.step_cpu_s

    def tries_patience(self, now: float) -> bool:
        """Whether others have waited long enough. On a busy machine a worker that uses what it gets has longer."""
        if now <= self.patient_until:
            return False
        if self.allowed.step_s < math.inf and now < self.asked + self.allowed.patience_s / _LEAST_SHARE:
            busy = self.worker.busy_seconds() - self.busy_before
            left = self.allowed.patience_s - (self.worker.cpu_seconds() - self.cpu_asked)
            if left > 0 and busy > _BUSY_SHARE * (now - self.began):
                self.patient_until = now + max(left, _LEAST_PATIENCE_S)
                return False
        return True

    def has_computed(self) -> bool:
        """Whether its patience went into computing, and not into waiting for a disk."""
        return self.worker.cpu_seconds() - self.cpu_asked > _BUSY_SHARE * self.allowed.patience_s

    def overtime(self, now: float, *, is_ready: bool) -> Verdict | None:
        """Why a worker at its deadline is stopped; None where it has time of a processor left and only waited for one.

        One that spins is not tried again, because the next try would be no shorter; one that waited for a disk is.
        """
        elapsed = now - self.began
        is_step = is_ready and now <= self.ends
        if is_step and self.cpu_until < math.inf:
            # Its processor time is what decides. That comes to its end too, only later than on a machine at rest.
            busy = self.worker.busy_seconds() - self.busy_before
            latest = min(self.began + self.allowed.step_cpu_s / _LEAST_SHARE, self.ends)
            if busy > _BUSY_SHARE * elapsed and now < latest:
                self.until = min(now + self.allowed.step_s, latest)
                return None
        used = self.worker.cpu_seconds() - self.cpu_before
        if is_step and used > _BUSY_SHARE * elapsed:
            message = f"It used {round(used)} s of processor time without coming to an end, and was stopped."
            return ErrorClass.TOO_LARGE, message
        return ErrorClass.TIMEOUT, "It took longer than its time limit and was stopped."

    def excess(self, memory_bytes: int) -> Verdict | None:
        """Of what a worker has used more than it may, and so is stopped. ``memory_bytes``: of resident memory."""
        if self.cpu_until < math.inf and self.worker.cpu_seconds() > self.cpu_until:
            limit = round(self.allowed.step_cpu_s)
            message = f"It used more than {limit} s of processor time, too much for its size, and was stopped."
            return ErrorClass.TOO_LARGE, message
        if self.written_until < math.inf and self.worker.written_bytes() > self.written_until:
            limit = round(self.allowed.written_bytes / 1024**2)
            return ErrorClass.TOO_LARGE, f"It wrote more than {limit} MiB and was stopped."
        resident = self.worker.resident_bytes()
        if resident > self.memory_until:
            limit = round(self.allowed.memory_bytes / 1024**2)
            message = f"It used more than {limit} MiB of memory, too much for its size, and was stopped."
            return ErrorClass.TOO_LARGE, message
        if resident > memory_bytes:
            return ErrorClass.OOM, f"It used more than {memory_bytes // 1024**2} MiB of memory and was stopped."
        return None


def exit_error(code: int | None, stderr_tail: str) -> ItemError:
    """The error of an item whose worker exited without a result, also with exit code 0."""
    if code is None:
        return ItemError(ErrorClass.CRASH, "Its worker process hangs and cannot be killed.", stderr_tail)
    if code < 0:
        name = _name_of_signal(-code)
        return ItemError(ErrorClass.CRASH, f"Its worker process died of {name}.", stderr_tail, name)
    return ItemError(
        ErrorClass.CRASH, f"Its worker process ended with exit code {code}.", stderr_tail, f"exit code {code}"
    )


def _name_of_signal(number: int) -> str:
    """Most real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


if __name__ == "__main__":
    main()
