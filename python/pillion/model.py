"""Records that the queue makes several of for every job."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NewType, TypeVar, dataclass_transform

from pillion.errors import ErrorClass, ItemError

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """``@dataclass(frozen=True, kw_only=True, slots=True)`` that only the type checker holds to being frozen.

    At run time a frozen dataclass sets each field by a call of ``object.__setattr__``: making one costs several times
    as much, and a job on its way through the queue is a dozen of them.
    """
    return dataclass(kw_only=True, slots=True, unsafe_hash=True)(cls)


# words ----------------------------------------------------------------------------------------------------------------


SidecarKind = NewType("SidecarKind", str)
"""What a sidecar is: the name of a kind, such as ``thumb`` or ``ocr``. kinds/registry.py says which there are."""


class SidecarFormat(StrEnum):
    """How a sidecar's bytes are to be read."""

    WEBP = "webp"
    JSON = "json"
    MESSAGEPACK = "messagepack"

    @property
    def extension(self) -> str:
        """File name extension, without the dot."""
        return {"webp": "webp", "json": "json", "messagepack": "msgpack"}[self.value]


class SidecarStatus(StrEnum):
    """The state of one wanted sidecar; none but READY has a file.

    EMPTY, UNSUPPORTED and FAILED are final for its recipe, CANCELLED until somebody asks for it.
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
    """The file ends early: the sidecar shows what there is of it."""


def thumbhash_text(value: bytes | None) -> str | None:
    """A ThumbHash in base64, as web pages take it."""
    return None if value is None else base64.b64encode(value).decode()


class MediaClass(StrEnum):
    """What sort of thing a content is, found from its bytes."""

    IMAGE = "image"
    PDF = "pdf"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    OTHER = "other"


DEFAULT_VARIANT = "default"
POLICY_NAMES = ("mobile", "desktop", "server")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """All that decides a sidecar's bytes apart from the source's bytes.

    ``settings`` holds JSON values only. Two recipes are the same exactly when their digests are.
    """

    generator: str
    version: int
    model: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def canonical(self) -> str:
        """The recipe as JSON with sorted keys: what the digest is taken over."""
        return json.dumps(
            {
                "generator": self.generator,
                "version": self.version,
                "model": self.model,
                "settings": dict(self.settings),
            },
            sort_keys=True,
            separators=(",", ":"),
        )

    def digest(self) -> str:
        """32 lower-case hex digits (BLAKE2b-128 of :meth:`canonical`)."""
        return hashlib.blake2b(self.canonical().encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedSidecar:
    """One sidecar that a file should have. ``settings`` are the kind's own, JSON values, for the generator.

    ``awaits``: the kind of the same content that it is made from, if any.
    """

    kind: SidecarKind
    variant: str
    recipe: Recipe
    settings: Mapping[str, Any]
    awaits: SidecarKind | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """What a generator is asked for: one content, one kind, its variants.

    ``source`` is an absolute path that is only read. ``mime`` was found from the bytes. ``settings`` are the kind's
    own settings (JSON values, from the policy). ``texts`` are ready text sidecars of the same content (kind ->
    absolute path of its JSON), given to embeddings only. ``prepared``: what the generator's own ``prepare`` made of
    it, if anything. ``checkpoint``: a file of the generator's own, for what it has made so far: it is there again at
    the next try, until this one has an outcome. None where none is kept.
    """

    kind: SidecarKind
    variants: tuple[str, ...]
    source: Path
    mime: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[SidecarKind, Path] = field(default_factory=dict)
    prepared: Any = None
    checkpoint: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Produced:
    """The bytes of one finished sidecar. ``thumbhash``: of the content, where the generator saw a picture of it."""

    variant: str
    format: SidecarFormat
    data: bytes
    mark: SidecarMark | None = None
    thumbhash: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Empty:
    """Processed without error, and there is nothing there: no text on the page, no speech in the sound."""

    note: str


Generated = tuple[Produced, ...] | Empty
"""What a generator returns. It raises :class:`pillion.errors.ItemError` when it cannot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why an item has no sidecar: the class and one sentence.

    ``stderr_tail``: the end of what the engine itself said, for whoever looks into it. ``exit_status``: how the worker
    process ended, where it did: a signal's name, or an exit code.
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
