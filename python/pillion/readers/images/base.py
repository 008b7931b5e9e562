"""The interface of picture decoders besides the core, and their result."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pillion.errors import ErrorClass, ItemError

if TYPE_CHECKING:
    from pillion import _core
    from pillion._core import Pixels

DECODE_BUDGET = 1 << 30
"""The most bytes that decoding one picture may take, as in the core."""


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """An upright picture: uint8, shape (H, W, 3) or (H, W, 4) with straight alpha, C-contiguous; an array or a buffer.

    ``profile`` is the ICC profile of its colours. Without one, ``code_points`` may give the colour space: primaries and
    transfer of ITU-T H.273. With neither it is sRGB.
    """

    pixels: Pixels
    profile: bytes | None = None
    code_points: tuple[int, int] | None = None


class PictureEngine(Protocol):
    """A decoder, one module."""

    NAME: str
    EXTRA: str | None
    """The extra of Pillion that installs it; None if it is always installed."""
    MIMES: Collection[str]
    NOTE: str
    """What it is for, in a few words."""
    ALPHA: bool
    """Whether transparency is kept."""
    ICC: bool
    """Whether the file's profile is applied."""

    def missing(self, mime: str) -> str | None:
        """What is missing and how to install it, in one sentence; None if files of this type can be decoded."""
        ...

    def decode(self, data: bytes, mime: str, *, max_side: int | None, max_pixels: int, page: int = 0) -> DecodedPicture:
        """The picture, or a smaller one whose longest side is still at least ``max_side``. Raises ItemError.

        ``page``: which of several, for formats that have pages; engines of others leave it aside.
        """
        ...


def check_size(size: tuple[int, int], max_pixels: int, bytes_per_pixel: float) -> None:
    """Check the (width, height) of a header. Raises ItemError: ``too_large`` above the limits, ``corrupt`` for 0."""
    width, height = size
    if width < 1 or height < 1:
        raise ItemError(ErrorClass.CORRUPT, f"the header announces an empty picture ({width} x {height} pixels)")
    if width * height > max_pixels:
        limit = f"more than the limit of {max_pixels} pixels"
        raise ItemError(ErrorClass.TOO_LARGE, f"the picture has {width} x {height} pixels, {limit}")
    needed = int(width * height * bytes_per_pixel)
    if needed > DECODE_BUDGET:
        budget = f"more than the budget of {DECODE_BUDGET >> 20} MiB"
        raise ItemError(ErrorClass.TOO_LARGE, f"decoding needs {needed >> 20} MiB, {budget}")


_MASTER = 1024
"""As in the core, which makes all smaller sizes from a raster of this size (rust/src/image/thumbnail.rs)."""


def by_rendering(wanted: Sequence[_core.Spec]) -> Iterator[tuple[int, list[_core.Spec]]]:
    """(longest side to render, the variants to make from that): one rendering for all variants of at most 1024.

    A variant's rendering does not depend on the other requested variants, so its bytes do not either.
    """
    sides = sorted({max(spec[1], _MASTER) for spec in wanted})
    for side in sides:
        yield side, [spec for spec in wanted if max(spec[1], _MASTER) == side]
