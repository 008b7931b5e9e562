"""Records that the queue makes several of for every job."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

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


class SidecarKind(StrEnum):
    """What a sidecar is. The order is the order of work: thumbnails first, embeddings last."""

    THUMB = "thumb"
    OCR = "ocr"
    TRANSCRIPT = "transcript"
    EMBEDDINGS = "embeddings"

    @property
    def directory(self) -> str:
        """Folder name under ``sidecars/content/{h0}/{h1}/{content_uuid}/``."""
        return _KIND_DIRECTORIES[self]


_KIND_DIRECTORIES = {
    SidecarKind.THUMB: "thumbs",
    SidecarKind.OCR: "ocr",
    SidecarKind.TRANSCRIPT: "transcript",
    SidecarKind.EMBEDDINGS: "embeddings",
}


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


@dataclass(frozen=True, kw_only=True, slots=True)
class ThumbSpec:
    """One thumbnail variant: the longest side in pixels (never upscaled), the WebP quality, 0 to 100, and the effort.

    The effort is libwebp's ``method``, 0 (fast) to 6 (small).
    """

    name: str
    max_side: int
    quality: int
    method: int


THUMB_SPECS: Mapping[str, ThumbSpec] = {
    spec.name: spec
    for spec in (
        ThumbSpec(name="icon", max_side=128, quality=80, method=2),
        ThumbSpec(name="grid@1x", max_side=256, quality=85, method=2),
        ThumbSpec(name="grid@2x", max_side=512, quality=85, method=2),
        ThumbSpec(name="grid@3x", max_side=768, quality=85, method=2),
        ThumbSpec(name="detail@1x", max_side=1024, quality=90, method=2),
        ThumbSpec(name="detail@2x", max_side=2048, quality=90, method=2),
    )
}

DEFAULT_VARIANT = "default"
EMBEDDING_MODEL = "all-MiniLM-L6-v2"

POLICY_NAMES = ("mobile", "desktop", "server")

OCR_ENGINES = ("auto", "tesseract", "rapidocr")
"""What the setting ``engine`` of OCR may be."""

WHISPER_SIZES = (
    *("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en"),
    *("large-v3", "large-v3-turbo"),
)
"""The transcription models that have a name; any other is a path."""

_LANGUAGE_CODES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr "
    "ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc "
    "pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh "
    "yue"
)
TRANSCRIPT_LANGUAGES = tuple(_LANGUAGE_CODES.split())
"""The languages that Whisper knows, by the codes it uses."""

KIND_VARIANTS: Mapping[SidecarKind, tuple[str, ...]] = {
    SidecarKind.THUMB: tuple(THUMB_SPECS),
    SidecarKind.OCR: (DEFAULT_VARIANT,),
    SidecarKind.TRANSCRIPT: (DEFAULT_VARIANT,),
    SidecarKind.EMBEDDINGS: (EMBEDDING_MODEL,),
}


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

    ``words``: what the engine itself said, for whoever looks into it. ``exit_status``: how the worker process ended,
    where it did: a signal's name, or an exit code.
    """

    error_class: ErrorClass
    message: str
    words: str = ""
    exit_status: str = ""


def failure_of(error: ItemError) -> Failure:
    """The error as a value."""
    return Failure(
        error_class=error.error_class, message=error.message, words=error.words, exit_status=error.exit_status
    )
