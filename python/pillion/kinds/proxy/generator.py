"""``proxy`` sidecars of films and sound: encoded in segments that outlive a kill, or copied where they fit already."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion import _core, extras
from pillion.errors import ErrorClass, ItemError
from pillion.failpoints import reach
from pillion.kinds import checkpoint
from pillion.kinds.proxy.kind import (
    MOST_BYTES,
    MP4_SOUND,
    PLAYED_CODECS,
    PLAYED_SOUND,
    PROXY,
    PROXY_SPECS,
    ProxySpec,
)
from pillion.kinds.settings import of_variant
from pillion.model import Empty, Generated, GenerationRequest, Produced, Recipe, SidecarFormat
from pillion.pool import keepalive, sandbox

if TYPE_CHECKING:
    from pillion.readers.media import webm

_SOUND_PART = 0
_SOUND_BITS = 110_000
"""Of sound with what the container adds, at most."""


class ProxyGenerator:
    """``proxy`` sidecars of films, and of sound that browsers do not play."""

    kind = PROXY
    name = "proxy"
    version = 1

    def accepts(self, mime: str) -> bool:
        """Film and sound."""
        return _core.media_class(mime) in ("video", "audio")

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The size and the quality."""
        spec = _spec_of(variant, settings)
        used = {"short_side": spec.short_side, "crf": spec.crf, "bits": spec.bits}
        return Recipe(generator=self.name, version=self.version, settings=used)

    def generate(self, request: GenerationRequest) -> Generated:
        """All sizes from one decode; Empty for sound that browsers play as it is. Raises ItemError."""
        extras.require("video", "proxies of films")
        from pillion.readers.media import webm

        specs = [_spec_of(variant, request.settings) for variant in request.variants]
        targets = [
            webm.Target(name=spec.name, short_side=spec.short_side, crf=spec.crf, bits=spec.bits) for spec in specs
        ]
        plan = webm.plan(request.source, targets, mime=request.mime, beat=keepalive.beat)
        plays = request.mime in PLAYED_SOUND or (request.mime in MP4_SOUND and plan.sound_codec in PLAYED_CODECS)
        if plan.size is None and plays:
            return Empty(note="browsers play it as it is")
        with _parts_of(request) as parts:
            return _Job(request, plan, [_within(target, plan.seconds) for target in targets], parts).made()


def _within(target: webm.Target, seconds: float) -> webm.Target:
    """A target whose file does not become too large, however long the film is."""
    most = MOST_BYTES * 8 / seconds - _SOUND_BITS if seconds else target.bits
    return replace(target, bits=round(max(50_000, min(target.bits, most))))


def _spec_of(variant: str, settings: Mapping[str, Any]) -> ProxySpec:
    spec = PROXY_SPECS.get(variant)
    if spec is None:
        raise ItemError(ErrorClass.UNSUPPORTED, f"there is no proxy '{variant}'")
    crf = of_variant(settings.get("crf"), variant)
    return spec if crf is None else replace(spec, crf=crf)


# what is done already -------------------------------------------------------------------------------------------------


class _Parts:
    """The parts of a checkpoint, by number, and what they belong to. ``about`` tells whose: of others none counts."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self._path, self._about = path, about
        state = checkpoint.load(path) or {}
        known = state.get("parts", {}) if state.get("about") == dict(about) else {}
        self._hashes: dict[int, str] = {}
        self.segments = 0
        if all(checkpoint.is_kept(path, int(number), hashed) for number, hashed in known.items()):
            self._hashes = {int(number): hashed for number, hashed in known.items()}
            self.segments = int(state.get("segments", 0)) if known else 0

    def __contains__(self, number: int) -> bool:
        return number in self._hashes

    def new(self, name: str) -> Path:
        """Where a part is written until it is kept."""
        whole = checkpoint.new_part(self._path)
        return whole.with_name(f"{whole.name}-{name}")

    def keep(self, written: Mapping[int, Path], *, segments: int) -> None:
        """Keep these parts. ``segments``: how many of the pictures are done then."""
        for number, path in written.items():
            self._hashes[number] = checkpoint.keep(self._path, number, path)
        self.segments = segments
        parts = {str(number): hashed for number, hashed in self._hashes.items()}
        checkpoint.save(self._path, {"about": self._about, "parts": parts, "segments": segments})
        reach("proxy.kept")

    def file(self, number: int) -> Path:
        """Where a part that is kept can be read."""
        return checkpoint.found_part(self._path, number)

    def numbers(self) -> list[int]:
        """Of the parts that are kept, in order."""
        return sorted(self._hashes)


@contextmanager
def _parts_of(request: GenerationRequest) -> Iterator[_Parts]:
    about = {"variants": list(request.variants), "size": os.stat(request.source).st_size}
    if request.checkpoint is not None:
        yield _Parts(request.checkpoint, about)
        return
    own = sandbox.own_folder()
    with tempfile.TemporaryDirectory(dir=None if own is None else os.fsdecode(own)) as folder:
        yield _Parts(Path(folder, "parts.json"), about)


# making ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Job:
    request: GenerationRequest
    plan: webm.Plan
    targets: Sequence[webm.Target]
    parts: _Parts

    def made(self) -> tuple[Produced, ...]:
        """All sizes: the sound, the pictures, and both joined."""
        if self.plan.has_sound and not self.plan.copies_sound:
            self._encode_sound()
        self._encode_pictures()
        return tuple(self._joined(target) for target in self.targets)

    def _encode_sound(self) -> None:
        from pillion.readers.media import webm

        if _SOUND_PART not in self.parts:
            path = self.parts.new("sound")
            webm.encode_sound(self.request.source, path, mime=self.request.mime, beat=keepalive.beat)
            self.parts.keep({_SOUND_PART: path}, segments=self.parts.segments)

    def _encode_pictures(self) -> None:
        from pillion.readers.media import webm

        encoded = [target for target in self.targets if target.name not in self.plan.copies_video]
        if self.plan.size is None or not encoded:
            return
        for segment in webm.segments(
            self.request.source,
            encoded,
            self.plan.size,
            self.plan.seconds,
            first=self.parts.segments,
            mime=self.request.mime,
            place=self.parts.new,
            beat=keepalive.beat,
        ):
            written = {self._number(segment.number, name): path for name, path in segment.files.items()}
            self.parts.keep(written, segments=segment.number + 1)

    def _number(self, segment: int, name: str) -> int:
        names = [target.name for target in self.targets]
        return 1 + segment * len(names) + names.index(name)

    def _joined(self, target: webm.Target) -> Produced:
        from pillion.readers.media import webm

        source = webm.Source(files=(self.request.source,), is_original=True, mime=self.request.mime)
        video, sound = None, None
        if target.name in self.plan.copies_video:
            video = source
        elif self.plan.size is not None:
            first, step = self._number(0, target.name), len(self.targets)
            numbers = [number for number in self.parts.numbers() if number and number % step == first % step]
            if not numbers:
                raise ItemError(ErrorClass.CORRUPT, "no picture could be decoded from the video track")
            video = webm.Source(files=tuple(map(self.parts.file, numbers)))
        if self.plan.has_sound:
            sound = source if self.plan.copies_sound else webm.Source(files=(self.parts.file(_SOUND_PART),))
        whole = self.parts.new(f"{target.name}.webm")
        webm.join(whole, video, sound, seconds=self.plan.seconds, beat=keepalive.beat)
        if self.request.checkpoint is None:
            return Produced(variant=target.name, format=SidecarFormat.WEBM, data=whole.read_bytes())
        return Produced(variant=target.name, format=SidecarFormat.WEBM, file=whole)
