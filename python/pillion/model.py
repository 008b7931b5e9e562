"""The terms of the project as types: kinds, formats, statuses, recipes, and what generators are given and return."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, NewType, Protocol, Self, TypeVar, dataclass_transform
from urllib.parse import quote, unquote

from pillion.errors import ErrorClass, ItemError, UsageError

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """``@dataclass(frozen=True, kw_only=True, slots=True)``, but only the type checker enforces ``frozen``.

    A dataclass frozen at run time sets each field with ``object.__setattr__``: creating one takes several times as
    long, and each job in the queue creates a dozen.
    """
    return dataclass(kw_only=True, slots=True, unsafe_hash=True)(cls)


# terms ----------------------------------------------------------------------------------------------------------------


SidecarKind = NewType("SidecarKind", str)
"""The name of a kind of sidecar, such as ``thumb`` or ``ocr``. kinds/registry.py lists the kinds."""


_CATALOG_SCHEMES = ("postgresql://", "postgres://")


def is_catalog_url(library: object) -> bool:
    """Whether a library is given by the address of its catalog, and not by its folder."""
    return isinstance(library, str) and library.startswith(_CATALOG_SCHEMES)


class SidecarFormat(StrEnum):
    """How a sidecar's bytes are encoded."""

    WEBP = "webp"
    JPEG = "jpeg"
    AVIF = "avif"
    JSON = "json"
    MESSAGEPACK = "messagepack"
    WEBM = "webm"


EXTENSIONS: Mapping[SidecarFormat, str] = {
    SidecarFormat.WEBP: "webp",
    SidecarFormat.JPEG: "jpg",
    SidecarFormat.AVIF: "avif",
    SidecarFormat.JSON: "json",
    SidecarFormat.MESSAGEPACK: "msgpack",
    SidecarFormat.WEBM: "webm",
}
"""File name extensions, without the dot."""


NEVER_SAMPLED = (1 << 63) - 1
"""``sample_above`` for the hash that is a sidecar's checksum: all of it is read, whatever its size."""


class SidecarStatus(StrEnum):
    """The state of one wanted sidecar; only READY has a file.

    EMPTY, UNSUPPORTED and FAILED are final for its recipe; CANCELLED lasts until somebody asks for it.
    """

    PENDING = "pending"
    READY = "ready"
    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SidecarMark(StrEnum):
    """What is special about a ready sidecar."""

    TRUNCATED = "truncated"
    """The source file ends early: the sidecar shows the part that is there."""
    DAMAGED = "damaged"
    """The source file is damaged: the sidecar shows what a decoder makes of it."""
    PARTIAL = "partial"
    """Parts of the source were left out, such as pages that are damaged, take too long, or are too many."""


class MediaClass(StrEnum):
    """The broad type of a content, found from its bytes."""

    IMAGE = "image"
    PDF = "pdf"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    OTHER = "other"


DEFAULT_VARIANT = "default"
PDF_PASSWORDS = "pdf_passwords"
"""The setting by which generators are given a file of passwords. It is in no recipe."""
NEEDS_PASSWORD = "the PDF needs a password"
"""How the message of that error begins."""
UNKNOWN = "application/octet-stream"
"""The type of bytes that are of no type that Pillion knows."""
DOCUMENTS = "application/"
"""How the types of documents begin. All of them have marks, so that a name alone makes no document."""
POLICY_NAMES = ("mobile", "desktop", "server")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Everything that decides a sidecar's bytes, apart from the source's bytes. ``settings`` holds JSON values only."""

    generator: str
    version: int
    model: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


CONTENT_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
"""What a content uuid looks like."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SidecarUri:
    """The address of a sidecar: ``sidecar://CONTENT_UUID/KIND/VARIANT[.FORMAT]``. Its text is ``str()`` of it.

    Kind and variant may be patterns, with ``*``, ``?`` and ``[...]`` as in names of files; what is left out at the end
    is any. FORMAT is an ending, such as ``webp``; None is any. Characters that an address may not have are written
    as ``%XX`` (RFC 3986).
    """

    content_uuid: str
    kind: str = "*"
    variant: str = "*"
    format: SidecarFormat | None = None

    SCHEME: ClassVar[str] = "sidecar://"

    @classmethod
    def is_one(cls, text: str) -> bool:
        """Whether a text is meant as an address, well formed or not."""
        return text[: len(cls.SCHEME)].lower() == cls.SCHEME

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address that a text is. Raises UsageError if it is none."""
        if not cls.is_one(text):
            raise UsageError(f"{text!r} is no address: it must begin with {cls.SCHEME}.")
        uuid, *parts = (unquote(part) for part in text[len(cls.SCHEME) :].removesuffix("/").split("/"))
        if not CONTENT_UUID.fullmatch(uuid):
            raise UsageError(f"{text!r} is no address: {uuid!r} is no content uuid.")
        if len(parts) > 2 or "" in parts or any(mark in text for mark in "#\0"):
            raise UsageError(f"{text!r} is no address: it must be {cls.SCHEME}CONTENT_UUID/KIND/VARIANT[.FORMAT].")
        kind, variant = [*parts, "*", "*"][:2]
        name, _, ending = variant.rpartition(".")
        file_format = ENDINGS.get(ending.lower()) if name else None
        return cls(content_uuid=uuid.lower(), kind=kind, variant=name if file_format else variant, format=file_format)

    @property
    def is_pattern(self) -> bool:
        """Whether it may mean several sidecars."""
        return any(mark in self.kind + self.variant for mark in "*?[")

    def matches(self, kind: str, variant: str, file_format: SidecarFormat | None) -> bool:
        """Whether it means the sidecar of its content with these; ``file_format`` None: none is there yet."""
        named = fnmatchcase(kind, self.kind) and fnmatchcase(variant, self.variant)
        return named and (self.format is None or file_format in (None, self.format))

    def __str__(self) -> str:
        ending = f".{EXTENSIONS[self.format]}" if self.format else ""
        return f"{self.SCHEME}{self.content_uuid}/{quote(self.kind, _PLAIN)}/{quote(self.variant + ending, _PLAIN)}"


_PLAIN = "@*?[]!+"
ENDINGS: Mapping[str, SidecarFormat] = {
    **{ending: file_format for file_format, ending in EXTENSIONS.items()},
    **{file_format.value: file_format for file_format in SidecarFormat},
}
"""The endings of addresses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedSidecar:
    """One sidecar that a file should have. :func:`pillion.kinds.registry.wanted` makes it.

    ``canonical`` is its recipe as the catalog keeps it, ``digest`` what a row holds of it: recipes are equal exactly
    when their digests are. ``settings``: the kind's own, for the generator (JSON values). ``awaits``: the kind of the
    same content that it is made from, if any.
    """

    kind: SidecarKind
    variant: str
    recipe: Recipe
    canonical: str
    digest: str
    settings: Mapping[str, Any]
    awaits: SidecarKind | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """What a generator is asked to make: one content, one kind, its variants.

    ``source`` is an absolute path; the file is only read. ``mime`` was found from the bytes. ``settings``: the kind's
    own settings (JSON values, from the policy). ``texts``: ready text sidecars of the same content (kind -> absolute
    path of its JSON), given only to kinds made from them. ``prepared``: what the generator's own ``prepare`` returned
    for it, if anything. ``checkpoint``: a file where the generator may save what it has made so far; the next try finds
    it again, until a try has an outcome. None if no checkpoint is kept. See :mod:`pillion.kinds.checkpoint`.
    """

    kind: SidecarKind
    variants: tuple[str, ...]
    source: Path
    mime: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[SidecarKind, Path] = field(default_factory=dict)
    prepared: Any = None
    checkpoint: Path | None = None


LIKENESS_BYTES = 32
"""The length of a perceptual hash."""


class _Hashed(Protocol):
    @property
    def thumbhash(self) -> bytes | None: ...

    @property
    def likeness(self) -> bytes | None: ...


@value
class PictureHashes:
    """What is known of how a content looks: its ThumbHash, at most 25 bytes, and its perceptual hash, 32 bytes."""

    thumbhash: bytes | None = None
    likeness: bytes | None = None

    @classmethod
    def of(cls, item: _Hashed | None) -> Self:
        """Those of what has them; none of None."""
        return cls() if item is None else cls(thumbhash=item.thumbhash, likeness=item.likeness)

    def or_of(self, before: _Hashed | None) -> Self:
        """These, and of another what these lack."""
        if before is None:
            return self
        return type(self)(thumbhash=self.thumbhash or before.thumbhash, likeness=self.likeness or before.likeness)

    def __bool__(self) -> bool:
        return self.thumbhash is not None or self.likeness is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Produced:
    """The bytes of one finished sidecar. ``thumbhash``: the content's, if the generator saw a picture of it;
    ``likeness``: its perceptual hash, 32 bytes, by which pictures that look the same are found.

    ``file``: instead of ``data``, a file that holds them and is moved away: for what is too large for memory.
    """

    variant: str
    format: SidecarFormat
    data: bytes = b""
    file: Path | None = None
    mark: SidecarMark | None = None
    thumbhash: bytes | None = None
    likeness: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Empty:
    """Processed without error, but there is nothing in it: no text on the page, no speech in the sound."""

    note: str


Generated = tuple[Produced, ...] | Empty
"""What a generator returns. It raises :class:`pillion.errors.ItemError` when it cannot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why an item has no sidecar: the error class and one sentence.

    ``stderr_tail``: the end of what the engine itself printed, for debugging. ``exit_status``: if the worker process
    ended, the name of its signal or its exit code.
    """

    error_class: ErrorClass
    message: str
    stderr_tail: str = ""
    exit_status: str = ""


def failure_of(error: ItemError) -> Failure:
    """The error as a value."""
    return Failure(
        error_class=error.error_class,
        message=error.message,
        stderr_tail=error.stderr_tail,
        exit_status=error.exit_status,
    )


def error_of(failure: Failure) -> ItemError:
    """The value as an error again."""
    return ItemError(failure.error_class, failure.message, failure.stderr_tail, failure.exit_status)


@value
class Allowance:
    """What an item may use. Times are seconds.

    ``step_s``: for each step, up to a sign of life (pool/keepalive.py). ``step_cpu_s``: the same of processor time,
    which does not depend on what else runs. ``whole_s``: for all of it, whatever signs it gives. ``memory_bytes``: what
    it may add to the memory of its process. ``patience_s``: how long others wait for it; after that it goes last.
    ``loading_s``: how much longer, where its engines have to be loaded first. ``written_bytes``: what it may write.
    """

    step_s: float
    step_cpu_s: float = math.inf
    whole_s: float = math.inf
    memory_bytes: float = math.inf
    patience_s: float = math.inf
    loading_s: float = 0.0
    written_bytes: float = 1 << 30
