"""Camera raw files: the right preview, the right way up, of every maker's container."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image

from pillion import _core
from pillion.errors import ItemError
from tests.support import raws
from tests.support.pictures import BLAMELESS, opened, outcome
from tests.support.ssim import ssim

LANCZOS = Image.Resampling.LANCZOS


@pytest.mark.parametrize("extension", raws.RAWS)
def test_the_type_is_told_from_the_bytes_and_the_name(extension: str) -> None:
    data = raws.RAWS[extension](1)
    mime = _core.sniff(data[:4096], f"a.{extension}".encode())
    assert mime == _core.mime_from_name(f"a.{extension}".encode())
    assert _core.probe(data).format == "raw"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("extension", raws.RAWS)
def test_the_largest_preview_is_shown_upright_and_turned_once(extension: str, orientation: int) -> None:
    data = raws.RAWS[extension](orientation)
    shown = raws.scene(raws.SIZE if orientation < 5 else raws.SIZE[::-1])
    info = _core.probe(data)
    assert (info.width, info.height, info.orientation) == (*shown.size, orientation)
    pixels = _core.decode(data)
    assert pixels.shape == (shown.height, shown.width, 3)
    assert ssim(pixels, np.asarray(shown)) >= 0.98
    (made,) = _core.thumbnails(data, [("a", 300, 95)])
    assert made.width == (300 if orientation < 5 else 200)
    small = np.asarray(shown.resize((made.width, made.height), LANCZOS))
    assert ssim(np.asarray(opened(made.data).convert("RGB")), small) >= 0.95


@pytest.mark.parametrize("extension", ["arw", "dng", "cr3", "cr2"])
def test_small_sizes_show_no_black_bars(extension: str) -> None:
    pixels = _core.decode(raws.RAWS[extension](1), max_side=128)
    assert pixels.shape in ((85, 128, 3), (86, 128, 3))
    assert ssim(pixels, np.asarray(raws.scene().resize((128, pixels.shape[0]), LANCZOS))) >= 0.95


def test_a_smaller_preview_is_taken_where_it_is_enough() -> None:
    # The middle-sized preview is cut off: only what asks for more than it has can still be made.
    whole = raws.RAWS["arw"](1)
    middle = raws.preview(raws.SMALL)
    broken = whole.replace(middle, middle[:1000] + bytes(len(middle) - 1000))
    assert ssim(_core.decode(broken, max_side=600), np.asarray(raws.scene().resize((600, 400), LANCZOS))) >= 0.95
    small = _core.decode(whole, max_side=480)
    assert np.array_equal(small, _core.decode(middle))


def test_one_without_a_preview_names_the_extra() -> None:
    for call in (_core.probe, _core.decode, lambda data: _core.thumbnails(data, [("a", 64, 80)])):
        with pytest.raises(ItemError, match=r"pip install 'pillion\[raw\]'") as caught:
            call(raws.undeveloped())
        assert caught.value.error_class == "unsupported"


def test_a_picture_that_is_not_jpeg_is_the_last_resort() -> None:
    first = {**raws._camera("NIKON", 6), **raws._rgb(raws.ICON), raws.SUB: [raws._sensor(34713)]}
    pixels = _core.decode(raws.tiff([first]))
    assert np.array_equal(pixels, np.rot90(np.asarray(raws.scene(raws.ICON)), -1))


def by_tifffile(orientation: int) -> bytes:
    """A DNG by another writer: thumbnail, samples and a JPEG strip."""
    tifffile = pytest.importorskip("tifffile")
    stored = raws.preview(raws.SIZE, orientation)
    width, height = opened(stored).size
    camera = [
        (271, 2, 0, "Phone", True),
        (274, 3, 1, orientation, True),
        (50706, 1, 4, bytes((1, 4, 0, 0)), True),
    ]
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        thumbnail = np.zeros((8, 8, 3), np.uint8)
        file.write(thumbnail, photometric="rgb", subfiletype=1, subifds=2, extratags=camera, metadata=None)
        filters = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes((0, 1, 1, 2)), True)]
        samples = np.zeros((64, 64), np.uint16)
        file.write(samples, photometric=32803, subfiletype=0, extratags=filters, metadata=None)
        file.write(
            iter([stored]),
            shape=(height, width, 3),
            dtype=np.uint8,
            photometric="ycbcr",
            subsampling=(2, 2),
            compression="jpeg",
            subfiletype=1,
            rowsperstrip=height,
            metadata=None,
        )
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", [1, 6])
def test_raw_files_by_another_writer_are_read(orientation: int) -> None:
    data = by_tifffile(orientation)
    shown = raws.scene(raws.SIZE if orientation < 5 else raws.SIZE[::-1])
    assert _core.probe(data).format == "raw"
    assert ssim(_core.decode(data), np.asarray(shown)) >= 0.98


@pytest.mark.parametrize("extension", raws.RAWS)
def test_damage_never_crashes(extension: str) -> None:
    data = raws.RAWS[extension](1)
    dice = random.Random(extension)
    for length in (len(data) // 2, len(data) // 4, 200, 40, 20, 8):
        assert outcome(data[:length]) in BLAMELESS
    for _ in range(80):
        mutated = bytearray(data)
        ends = dice.choice((0, len(data) - 600))
        for _ in range(dice.choice((1, 4, 20))):
            mutated[ends + dice.randrange(600)] = dice.randrange(256)
        assert outcome(bytes(mutated)) in BLAMELESS
