"""Run one job in a child process: check the source, call the generator, write the bytes to staging.

If a generator can work on several contents together, it does so for a whole batch before the batch's first job.
Every outcome, failures included, is returned as a value; only the parent writes final files and the catalog. What such
a child may use, its parent asks here, too.
"""

from __future__ import annotations

import errno
import functools
import os
import stat
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec

from pillion import _core, extras, machine
from pillion.errors import ErrorClass, ItemError, is_full
from pillion.failpoints import DIRECTORY_VARIABLE, reach
from pillion.kinds import registry
from pillion.kinds.generator import BatchGenerator
from pillion.kinds.spec import MIB, Limits
from pillion.model import (
    LIKENESS_BYTES,
    NEVER_SAMPLED,
    Allowance,
    Empty,
    Failure,
    GenerationRequest,
    Produced,
    SidecarFormat,
    SidecarKind,
    SidecarMark,
    failure_of,
    value,
)
from pillion.panics import is_panic
from pillion.pool import sandbox
from pillion.pool.sandbox import Policy
from pillion.weights import outside
from pillion.weights.finding import MODEL_VARIABLES, model_folders

Checksum = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
ThumbHash = Annotated[bytes, msgspec.Meta(max_length=25)]
Likeness = Annotated[bytes, msgspec.Meta(min_length=LIKENESS_BYTES, max_length=LIKENESS_BYTES)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]

_CHANGED_MEANWHILE = "The file changed while it was read; run index again."

_FRAMES = 4
_STDERR_BYTES = 2000
"""How much of an engine's error output the failure ledger keeps."""


@value
class ExecutionTask:
    """One job as it is sent to a worker. ``sources``: (absolute path, size, mtime_ns), tried in order.

    Results are written to ``{staging}-{variant}``, by a worker to that name in its own folder. ``share``: of the
    threads that engines may use; less than 1 only in a worker that runs nothing else. ``checkpoint``: see
    GenerationRequest. ``follows``: a source may be a symbolic link; one that is none was a file when it was indexed.
    """

    kind: SidecarKind
    variants: tuple[str, ...]
    mime: str
    sources: tuple[tuple[bytes, int, int], ...]
    settings: Mapping[str, Any]
    texts: Mapping[SidecarKind, Path]
    staging: bytes
    share: float = 1.0
    checkpoint: Path | None = None
    follows: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """One finished sidecar, in staging at the task's path for its variant. ``checksum``: BLAKE3 of its bytes.

    ``thumbhash``, ``likeness``: those of the whole content.
    """

    variant: str
    format: SidecarFormat
    size: int
    checksum: Checksum
    mark: SidecarMark | None = None
    thumbhash: ThumbHash | None = None
    likeness: Likeness | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """How a job ended, and how long it took in seconds. At most one of the first three is set."""

    staged: tuple[Staged, ...] = ()
    empty: Empty | None = None
    failure: Failure | None = None
    seconds: Seconds

    @property
    def result(self) -> tuple[Staged, ...] | Empty | Failure:
        """The one that is set."""
        return self.failure or self.empty or self.staged

    def says_full(self) -> bool:
        """Whether it says that there is no room."""
        return self.failure is not None and self.failure.error_class is ErrorClass.DISK_FULL

    @classmethod
    def of(cls, result: tuple[Staged, ...] | Empty | Failure, seconds: float = 0.0) -> Execution:
        """With this result."""
        if isinstance(result, Failure):
            return cls(failure=result, seconds=seconds)
        return cls(empty=result, seconds=seconds) if isinstance(result, Empty) else cls(staged=result, seconds=seconds)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a generator prepared for one task of a batch, and this task's part of the seconds."""

    value: Any
    seconds: float


if sandbox.own_folder() is not None:
    # In a worker, which makes no models.
    outside.ask_by(sandbox.ask)

_prepared: dict[bytes, _Prepared] = {}
"""Staging path of a task -> what was prepared for it, in the last batch only."""


def prepare(tasks: Sequence[ExecutionTask]) -> None:
    """Prepare tasks together if their generator can; :func:`execute` uses the results. Raises nothing."""
    _prepared.clear()
    groups: dict[str, tuple[BatchGenerator, list[ExecutionTask]]] = {}
    for task in tasks:
        generator = registry.find(task.kind, task.mime)
        if isinstance(generator, BatchGenerator):
            groups.setdefault(generator.name, (generator, []))[1].append(task)
    for generator, members in groups.values():
        if len(members) > 1:
            _prepare(generator, members)


def _prepare(generator: BatchGenerator, tasks: Sequence[ExecutionTask]) -> None:
    start = time.perf_counter()
    try:
        present = [(task, request) for task in tasks if (request := _present_request(task)) is not None]
        made = generator.prepare([request for _, request in present])
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        # Whatever it is: each task then runs alone, and the faulty one reports its own error.
        return
    there = [(task, value) for (task, _), value in zip(present, made, strict=True) if value is not None]
    seconds = (time.perf_counter() - start) / max(1, len(there))
    _prepared.update((task.staging, _Prepared(value, seconds)) for task, value in there)


def _present_request(task: ExecutionTask) -> GenerationRequest | None:
    try:
        return _request(task, _present_source(task)[0])
    except ItemError:
        return None


def execute(task: ExecutionTask) -> Execution:
    """Run ``task``. Raises nothing."""
    start = time.perf_counter()
    prepared = _prepared.pop(task.staging, _Prepared(None, 0.0))
    result: tuple[Staged, ...] | Empty | Failure
    if task.share < 1:
        machine.limit_threads(task.share)
    try:
        result = _generate(task, prepared.value)
    except BaseException as error:
        result = failure_by(error)
    return Execution.of(result, time.perf_counter() - start + prepared.seconds)


def failure_by(error: BaseException) -> Failure:
    """What an exception in a worker means for its item. Raises what means that the worker has to end."""
    if isinstance(error, ImportError):
        return replace(failure_of(extras.not_importable(error)), stderr_tail=_stderr_tail(error))
    if isinstance(error, ItemError):
        return replace(failure_of(error), stderr_tail=error.stderr_tail or _stderr_tail(error))
    if isinstance(error, MemoryError):
        error_class, message = ErrorClass.OOM, "Ran out of memory."
    elif isinstance(error, OSError):
        error_class, message = _class_of_os_error(error), f"{error.strerror or error}."
    elif isinstance(error, Exception):
        error_class, message = ErrorClass.CRASH, f"{type(error).__name__}: {error}"
    elif is_panic(error):
        error_class, message = ErrorClass.CORRUPT, f"Its reader gave up ({error})."
    else:
        raise error
    return Failure(error_class=error_class, message=message[:500], stderr_tail=_stderr_tail(error))


def _stderr_tail(error: BaseException) -> str:
    """The end of the traceback: for an ItemError that of its cause, if it has one."""
    if isinstance(error, ItemError):
        return "" if error.__cause__ is None else _stderr_tail(error.__cause__)
    return "".join(traceback.format_exception(error, limit=-_FRAMES))[-_STDERR_BYTES:].strip()


def _class_of_os_error(error: OSError) -> ErrorClass:
    if is_full(error):
        return ErrorClass.DISK_FULL
    if error.errno == errno.EFBIG:
        return ErrorClass.TOO_LARGE
    if error.errno == errno.ENOMEM:
        return ErrorClass.OOM
    return ErrorClass.IO_TRANSIENT


def _request(task: ExecutionTask, source: bytes, prepared: Any = None) -> GenerationRequest:
    return GenerationRequest(
        kind=task.kind,
        variants=task.variants,
        source=Path(os.fsdecode(source)),
        mime=task.mime,
        settings=task.settings,
        texts=task.texts,
        prepared=prepared,
        checkpoint=task.checkpoint,
    )


def _generate(task: ExecutionTask, prepared: Any) -> tuple[Staged, ...] | Empty:
    generator = registry.find(task.kind, task.mime)
    if generator is None:
        return _no_generator(task)
    source, size, mtime_ns = _present_source(task)
    with _held(source, task.follows) as held:
        before = os.fstat(held)
        if not _is_as_known(before, size, mtime_ns):
            raise ItemError(ErrorClass.CHANGED_SOURCE, _CHANGED_MEANWHILE)
        generated = generator.generate(_request(task, source, prepared))
        if not _is_same(before, os.fstat(held), source, task.follows):
            raise ItemError(ErrorClass.CHANGED_SOURCE, _CHANGED_MEANWHILE)
    if isinstance(generated, Empty):
        return generated
    missing = set(task.variants) - {produced.variant for produced in generated}
    if missing:
        raise ItemError(ErrorClass.CRASH, f"{generator.name} gave no {', '.join(sorted(missing))}.")
    return tuple(_stage(task.staging, produced) for produced in generated)


def _no_generator(task: ExecutionTask) -> Empty:
    if task.mime == "application/x-empty":
        return Empty(note="The file has 0 bytes.")
    raise ItemError(ErrorClass.UNSUPPORTED, f"No {task.kind} can be made of {task.mime}, which is what the bytes are.")


def _present_source(task: ExecutionTask) -> tuple[bytes, int, int]:
    changed = False
    for path, size, mtime_ns in task.sources:
        if _unchanged(path, size, mtime_ns, task.follows):
            return path, size, mtime_ns
        changed = changed or os.path.exists(path)
    if changed:
        raise ItemError(ErrorClass.CHANGED_SOURCE, "The file changed since it was indexed; run index again.")
    raise ItemError(ErrorClass.MISSING_SOURCE, "The file is gone since it was indexed; run index again.")


def _unchanged(path: bytes, size: int, mtime_ns: int, follows: bool) -> bool:
    try:
        return _is_as_known(os.stat(path, follow_symlinks=follows), size, mtime_ns)
    except OSError:
        return False


def _is_as_known(found: os.stat_result, size: int, mtime_ns: int) -> bool:
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        return False
    # Only a time out of the catalog's 64 bits has to be brought into them.
    return found.st_mtime_ns == mtime_ns or machine.mtime_ns(found) == mtime_ns


@contextmanager
def _held(path: bytes, follows: bool) -> Iterator[int]:
    """A descriptor of what is at a path, a link included, so that nothing else can get its number meanwhile."""
    # Where there is O_PATH, it needs no right to read: what may not be read is for the generator to say.
    flags = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY) | (0 if follows else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        raise ItemError(ErrorClass.CHANGED_SOURCE, _CHANGED_MEANWHILE) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_same(before: os.stat_result, held: os.stat_result, path: bytes, follows: bool) -> bool:
    """Whether the path still leads to the file that was held, and that has not been written to."""
    try:
        now = os.stat(path, follow_symlinks=follows)
    except OSError:
        return False
    known = (before.st_dev, before.st_ino, before.st_size, before.st_mtime_ns)
    return all((it.st_dev, it.st_ino, it.st_size, it.st_mtime_ns) == known for it in (held, now))


def _stage(staging: bytes, produced: Produced) -> Staged:
    reach("execute.stage")
    staged = sandbox.own_path(Path(f"{os.fsdecode(staging)}-{produced.variant}"))
    if produced.file is None:
        staged.write_bytes(produced.data)
        hashed = _core.hash_bytes(produced.data, sample_above=NEVER_SAMPLED)
    else:
        os.replace(produced.file, staged)
        hashed = _core.hash_file(staged, sample_above=NEVER_SAMPLED)
    reach("execute.staged")
    return Staged(
        variant=produced.variant,
        format=produced.format,
        size=hashed.size,
        checksum=hashed.hash,
        mark=produced.mark,
        thumbhash=produced.thumbhash,
        likeness=produced.likeness,
    )


# what workers that run jobs may use (pool/sandbox.py) -----------------------------------------------------------------


def allowance(limits: Limits, size: int, source: bytes | Path | None = None) -> Allowance:
    """What may be used for a file of ``size`` bytes; for a large and sparse one, by the bytes of its data."""
    mib = (size if source is None else machine.stored_bytes(source, size)) / MIB
    return Allowance(
        step_s=limits.deadline_s + limits.deadline_s_per_mib * mib,
        step_cpu_s=limits.cpu_s + limits.cpu_s_per_mib * mib,
        whole_s=limits.whole_s + limits.whole_s_per_mib * mib,
        memory_bytes=(limits.memory_mib + limits.memory_mib_per_mib * mib) * MIB,
        loading_s=limits.loading_s,
        written_bytes=limits.written_mib * MIB,
    )


def for_jobs(policy: Policy) -> Policy:
    """A policy with what workers that run jobs may use besides: the models, the programs of the kinds, what a variable
    names.
    """
    reads = {*policy.reads, *map(os.fsencode, _models())}
    return replace(policy, reads=tuple(sorted(reads)), writes=written_elsewhere(), programs=programs())


def _models() -> list[Path]:
    """The folders of all models, and where links in them lead."""
    folders = model_folders(*map(os.environ.get, MODEL_VARIABLES))
    return [*folders, *(target for folder in folders for target in _link_targets(folder, depth=3))]


def _link_targets(folder: Path, depth: int) -> Iterator[Path]:
    try:
        items = list(os.scandir(folder)) if depth else []
    except OSError:
        return
    for item in items:
        if item.is_symlink():
            yield Path(os.path.realpath(item.path))
        elif item.is_dir():
            yield from _link_targets(Path(item.path), depth - 1)


@functools.cache
def programs() -> tuple[bytes, ...]:
    """The programs that the kinds start on this machine."""
    named = (registry.loaded(spec.programs)() for spec in registry.specs().values() if spec.programs is not None)
    return tuple(os.fsencode(program) for found in named for program in found)


WRITES = "PILLION_WORKERS_WRITE"
"""The variable that names more folders and files that workers may use: of kinds of other packages, and of tests."""


def written_elsewhere() -> tuple[bytes, ...]:
    """The folders and files that it names, absolute, and the one where failpoints leave word (tests)."""
    named = [*os.environ.get(WRITES, "").split(os.pathsep), os.environ.get(DIRECTORY_VARIABLE, "")]
    return tuple(os.fsencode(os.path.abspath(path)) for path in named if path)


def obtaining(request: bytes) -> Sequence[str] | None:
    """The command that makes what a worker asks for in the cache of models (weights/outside.py); None: nobody may ask.

    The worker may have been taken over: it names one of the functions that the kinds declare, and gives it text.
    """
    try:
        name, arguments = msgspec.json.decode(request, type=tuple[str, list[str | list[str] | None]])
    except (msgspec.DecodeError, RecursionError):
        return None
    if name not in {function for spec in registry.specs().values() for function in spec.obtains}:
        return None
    return [sys.executable, "-P", "-m", "pillion.weights.outside", name, msgspec.json.encode(arguments).decode()]
