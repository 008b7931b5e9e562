"""All kinds: those of this package, one line each, and those of other packages, by entry points; and what they need.

Importing this loads no engine: a kind's record is light, and its generators are imported when first needed.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pillion.errors import UsageError
from pillion.failpoints import DIRECTORY_VARIABLE
from pillion.kinds.generator import Generator
from pillion.kinds.spec import KindSpec
from pillion.model import SidecarKind
from pillion.weights.finding import MODEL_VARIABLES, model_folders

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN = (
    "pillion.kinds.thumbnail.kind:KIND",
    "pillion.kinds.text.kind:KIND",
    "pillion.kinds.ocr.kind:KIND",
    "pillion.kinds.transcript.kind:KIND",
    "pillion.kinds.embedding.kind:KIND",
    "pillion.kinds.picture.kind:KIND",
    "pillion.kinds.thumbstrip.kind:KIND",
    "pillion.kinds.proxy.kind:KIND",
)
GROUP = "pillion.kinds"
"""The group of entry points by which other packages add kinds: ``name = "package.module:KIND"``."""


@functools.cache
def _built_in() -> Mapping[SidecarKind, KindSpec]:
    """Those of this package, by name."""
    return {spec.name: spec for spec in map(loaded, BUILT_IN)}


class _Kinds:
    """All kinds by name, in the order of work, and a notice about each that could not be loaded."""

    def __init__(self) -> None:
        from importlib.metadata import entry_points

        found = list(_built_in().values())
        self.notices: dict[str, str] = {}
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
            spec = self._from(entry, {spec.name for spec in found})
            if spec is not None:
                found.append(spec)
        self.specs: dict[SidecarKind, KindSpec] = {
            spec.name: spec for spec in sorted(found, key=lambda spec: (spec.order, spec.name))
        }

    def _from(self, entry: EntryPoint, taken: set[SidecarKind]) -> KindSpec | None:
        """The kind of an entry point, or None and a notice, so that a broken kind does not stop the others."""
        try:
            spec = entry.load()
            if not isinstance(spec, KindSpec):
                raise TypeError(f"{entry.value} is no KindSpec")
            if spec.name in taken:
                raise ValueError(f"there is a kind '{spec.name}' already")
        except Exception as error:
            package = entry.dist.name if entry.dist else entry.value
            why = f"{type(error).__name__}: {error}"
            self.notices[entry.name] = f"The kind '{entry.name}' of the package {package} cannot be used ({why})."
            return None
        return spec


@functools.cache
def _kinds() -> _Kinds:
    return _Kinds()


@functools.cache
def specs() -> Mapping[SidecarKind, KindSpec]:
    """All kinds by name, in the order of work."""
    return _kinds().specs


@functools.cache
def names() -> tuple[SidecarKind, ...]:
    """The names of all kinds, in the order of work."""
    return tuple(_kinds().specs)


@functools.cache
def notices() -> Mapping[str, str]:
    """Kind -> one sentence, for installed kinds of other packages that cannot be used."""
    return _kinds().notices


def spec(kind: str) -> KindSpec:
    """The record of a kind. Raises UsageError, with the known names."""
    found = _kinds().specs.get(SidecarKind(kind))
    if found is None:
        raise UsageError(f"There is no kind '{kind}'; choose from {', '.join(names())}.")
    return found


def parse_kinds(kinds: Sequence[SidecarKind | str] | None) -> tuple[SidecarKind, ...]:
    """These kinds in the order of work; None means all. Raises UsageError for an unknown kind."""
    if kinds is None:
        return names()
    for kind in kinds:
        spec(kind)
    return tuple(kind for kind in names() if kind in kinds)


@functools.lru_cache(maxsize=64)
def chosen(kinds: tuple[SidecarKind | str, ...] | None) -> tuple[SidecarKind, ...]:
    """These kinds and those that they are made from, in the order of work; None means all. Raises UsageError."""
    return with_sources(parse_kinds(kinds))


def with_sources(kinds: Sequence[SidecarKind]) -> tuple[SidecarKind, ...]:
    """``kinds`` and the kinds that they are made from, in the order of work."""
    wanted = {*kinds, *(source for kind in kinds for source in sources_of(kind))}
    return tuple(kind for kind in names() if kind in wanted)


@functools.cache
def rank(kind: SidecarKind) -> int:
    """A kind's place in the order of work, from 0; the last for an unknown one."""
    known = names()
    return known.index(kind) if kind in known else len(known)


@functools.cache
def sources_of(kind: SidecarKind) -> tuple[SidecarKind, ...]:
    """The kinds that a kind is made from; none for an unknown one."""
    found = _kinds().specs.get(kind)
    return found.sources if found else ()


@functools.cache
def dependents_of(kind: SidecarKind) -> tuple[SidecarKind, ...]:
    """The kinds that are made from a kind."""
    return tuple(name for name, spec in specs().items() if kind in spec.sources)


@functools.lru_cache(maxsize=4096)
def is_own(kind: SidecarKind, variant: str) -> bool:
    """Whether a variant is one that a user defined, not one of the kind itself."""
    found = _kinds().specs.get(kind)
    return found is not None and variant not in found.variants


@functools.cache
def generators(kind: SidecarKind) -> tuple[Generator, ...]:
    """A kind's generators, in the order in which they are asked."""
    # Each worker begins here: to ask what else is installed takes a fifth of its start.
    record = _built_in().get(kind) or spec(kind)
    return tuple(loaded(name)() for name in record.generators)


@functools.lru_cache(maxsize=4096)
def find(kind: SidecarKind, mime: str) -> Generator | None:
    """The generator that makes ``kind`` from files of type ``mime``; None if there is none."""
    return next((generator for generator in generators(kind) if generator.accepts(mime)), None)


def loaded(name: str) -> Any:
    """The object named by "module:attribute"."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


# what their confined workers need (pool/sandbox.py) -------------------------------------------------------------------


def models() -> list[Path]:
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
    named = (loaded(spec.programs)() for spec in specs().values() if spec.programs is not None)
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
    if name not in {function for spec in specs().values() for function in spec.obtains}:
        return None
    return [sys.executable, "-P", "-m", "pillion.weights.outside", name, msgspec.json.encode(arguments).decode()]
