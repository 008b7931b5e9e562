"""From pixels to what the picture tower takes, as the model's ``preprocessor_config.json`` says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pillion.model import value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LARGEST = 1024
"""Of a side, in pixels: no model of this kind looks at more."""
_FILTERS = 6
"""Pillow's, by number: nearest, Lanczos, bilinear, bicubic, box, Hamming."""


@value
class Preprocessing:
    """``size``: (height, width), or None where the shorter side is scaled to ``shortest``; then ``crop`` (height,
    width) is cut from the middle. ``resample``: the number of a filter of Pillow. A value of a pixel is multiplied by
    ``factor``, then ``mean`` is subtracted and it is divided by ``std``, each for red, green and blue.
    """

    size: tuple[int, int] | None
    shortest: int
    crop: tuple[int, int] | None
    resample: int
    factor: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Preprocessing:
        """As a ``preprocessor_config.json`` says. Raises ValueError, TypeError or KeyError for one that cannot be."""
        given = config["size"] if config.get("do_resize", True) else {}
        size = _sides(given)
        shortest = 0 if size else _side(given if isinstance(given, int) else given["shortest_edge"])
        crop = _sides(_square(config["crop_size"])) if config.get("do_center_crop") else None
        if size is None and crop is None:
            raise ValueError("its pictures have no fixed size")
        made = cls(
            size=size,
            shortest=shortest,
            crop=crop,
            resample=int(config.get("resample", 2)),
            factor=float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0,
            mean=_colours(config["image_mean"]) if config.get("do_normalize", True) else (0.0, 0.0, 0.0),
            std=_colours(config["image_std"]) if config.get("do_normalize", True) else (1.0, 1.0, 1.0),
        )
        if not 0 <= made.resample < _FILTERS or min(made.std) <= 0 or not math.isfinite(made.factor):
            raise ValueError("its numbers are no filter, factor or deviation")
        return made

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A batch of one picture, shape (1, 3, height, width), of pixels of shape (H, W, 3) or (H, W, 4), uint8.

        What is transparent is white.
        """
        import numpy as np
        from PIL import Image

        image = Image.fromarray(np.ascontiguousarray(_opaque(pixels)))
        width, height = self._scaled(*image.size)
        image = image.resize((width, height), Image.Resampling(self.resample))
        if self.crop is not None:
            high, wide = self.crop
            left, top = (width - wide) // 2, (height - high) // 2
            # Beyond the picture there is black, as in the model's own code.
            image = image.crop((left, top, left + wide, top + high))
        mean, std = np.array(self.mean, dtype=np.float32), np.array(self.std, dtype=np.float32)
        values = np.asarray(image, dtype=np.float32) * np.float32(self.factor)
        scaled: NDArray[np.float32] = ((values - mean) / std).astype(np.float32)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])

    def _scaled(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) to which a picture of this size is scaled; the longer side is rounded down."""
        if self.size is not None:
            return self.size[1], self.size[0]
        short, long = sorted((width, height))
        scaled = max(1, self.shortest * long // short)
        return (self.shortest, scaled) if width <= height else (scaled, self.shortest)


def _opaque(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import numpy as np

    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint32)
    rgb = (pixels[..., :3].astype(np.uint32) * alpha + 255 * (255 - alpha) + 127) // 255
    return rgb.astype(np.uint8)


def _square(given: Any) -> Any:
    return {"height": given, "width": given} if isinstance(given, int) else given


def _sides(given: Any) -> tuple[int, int] | None:
    """(height, width), if both are given."""
    if not isinstance(given, Mapping) or "height" not in given:
        return None
    return _side(given["height"]), _side(given["width"])


def _side(given: Any) -> int:
    if not isinstance(given, int) or not 0 < given <= _LARGEST:
        raise ValueError("it names no size of a picture")
    return given


def _colours(given: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in given)
    return red, green, blue
