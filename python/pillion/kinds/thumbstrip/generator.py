"""``thumbstrip`` sidecars of videos: all sheets from one pass over the film."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion import _core, extras
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.settings import of_variant
from pillion.kinds.thumbstrip.kind import STRIP_SPECS, THUMBSTRIP, StripSpec
from pillion.model import Generated, GenerationRequest, Produced, Recipe, SidecarFormat, SidecarMark
from pillion.pool import keepalive

if TYPE_CHECKING:
    from pillion.readers.media import Spread


class ThumbstripGenerator:
    """``thumbstrip`` sidecars of videos. Frames are upright, in sRGB and never enlarged."""

    kind = THUMBSTRIP
    name = "thumbstrip"
    version = 2

    def accepts(self, mime: str) -> bool:
        """All videos; :meth:`generate` raises unsupported for those without a decoder."""
        return _core.media_class(mime) == "video"

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The grid, the size of a frame, the quality and the method."""
        spec = _spec_of(variant, settings)
        used = {"columns": spec.columns, "rows": spec.rows, "max_side": spec.side}
        return Recipe(
            generator=self.name,
            version=self.version,
            settings=used | {"quality": spec.quality, "method": spec.method},
        )

    def generate(self, request: GenerationRequest) -> Generated:
        """All sheets. Raises ItemError."""
        specs = [_spec_of(variant, request.settings) for variant in request.variants]
        return _made(request.source, request.mime, specs)


@extras.needed()
def read_now(path: Path, mime: str, settings: Mapping[str, Any]) -> bytes:
    """The largest sheet of a film that is in no library. Raises ItemError."""
    largest = max(STRIP_SPECS.values(), key=lambda spec: spec.frames)
    (sheet,) = _made(path, mime, [largest])
    return sheet.data


def _made(path: Path, mime: str, specs: list[StripSpec]) -> tuple[Produced, ...]:
    extras.require("video", "sheets of frames")
    from pillion.readers import media

    wishes = [media.Spans(count=spec.frames, side=spec.side) for spec in specs]
    spread = media.spread_frames(path, wishes, mime=mime, beat=keepalive.beat)
    return tuple(_produced(spec, number, spread) for number, spec in enumerate(specs))


def _produced(spec: StripSpec, number: int, spread: Spread) -> Produced:
    from pillion.kinds.thumbstrip.sheet import drawn

    data = drawn(spec, spread.frames[number], spread.seconds)
    mark = SidecarMark.TRUNCATED if spread.truncated else SidecarMark.PARTIAL if spread.partial else None
    return Produced(variant=spec.name, format=SidecarFormat.WEBP, data=data, mark=mark)


def _spec_of(variant: str, settings: Mapping[str, Any]) -> StripSpec:
    spec = STRIP_SPECS.get(variant)
    if spec is None:
        raise ItemError(ErrorClass.UNSUPPORTED, f"there is no sheet '{variant}'")
    quality = of_variant(settings.get("quality"), variant)
    return spec if quality is None else replace(spec, quality=quality)
