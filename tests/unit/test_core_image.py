"""The picture functions of the core: arguments, sizes, order, determinism."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pillion import _core
from pillion.errors import ItemError
from tests.support.pictures import chart, encoded, glass, opened
from tests.support.ssim import ssim

JPEG = encoded(chart(1000, 750), "JPEG", quality=92)
ALL = [
    ("icon", 128, 80),
    ("grid@2x", 512, 85),
    ("grid@3x", 768, 85),
    ("grid@1x", 256, 85),
    ("detail@2x", 2048, 90),
]


def sizes(thumbnails: list[_core.Thumbnail]) -> dict[str, tuple[int, int]]:
    return {thumbnail.name: (thumbnail.width, thumbnail.height) for thumbnail in thumbnails}


def test_every_variant_comes_in_the_order_asked_for_and_none_is_upscaled() -> None:
    made = sizes(_core.thumbnails(JPEG, ALL))
    assert list(made) == [name for name, _, _ in ALL]
    assert made == {
        "icon": (128, 96),
        "grid@2x": (512, 384),
        "grid@3x": (768, 576),
        "grid@1x": (256, 192),
        "detail@2x": (1000, 750),
    }


@pytest.mark.parametrize("size", [(3000, 2000), (1700, 1300), (700, 900)])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_size_has_the_same_bytes_alone_and_among_others(size: tuple[int, int], file_format: str) -> None:
    data = encoded(chart(*size), file_format)
    for made in _core.thumbnails(data, ALL):
        spec = next(spec for spec in ALL if spec[0] == made.name)
        assert _core.thumbnails(data, [spec])[0].data == made.data, made.name


def test_a_path_a_pathlike_and_bytes_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(JPEG)
    made = [[thumbnail.data for thumbnail in _core.thumbnails(source, ALL)] for source in (JPEG, path, str(path))]
    assert made[0] == made[1] == made[2]


def test_reading_leaves_the_access_time_alone(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(JPEG)
    os.utime(path, ns=(1, 2_000_000_000))
    _core.thumbnails(path, ALL)
    assert path.stat().st_atime_ns == 1


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "picture.jpg")
    with pytest.raises(ItemError, match="not a regular file"):
        _core.thumbnails(tmp_path / "picture.jpg", ALL)


def test_names_that_are_not_utf8_are_opened(tmp_path: Path) -> None:
    path = Path(str(tmp_path) + "/caf\udce9.jpg")
    path.write_bytes(JPEG)
    assert _core.probe(path).format == "jpeg"


def test_sides_are_rounded_from_the_full_size() -> None:
    # Decoded at half size this picture has 563 rows; from 1125 rows 512 wide is 288.0 high, from 563 288.3.
    assert sizes(_core.thumbnails(encoded(chart(2000, 1125), "JPEG"), [("a", 512, 80), ("b", 500, 80)])) == {
        "a": (512, 288),
        "b": (500, 281),
    }


@pytest.mark.parametrize("side", [999, 501, 500, 499, 251, 250, 249, 125, 64, 1])
def test_scaling_decodes_stay_true(side: int) -> None:
    (made,) = _core.thumbnails(JPEG, [("a", side, 95)])
    assert max(made.width, made.height) == side
    if side >= 64:
        expected = opened(JPEG).resize((made.width, made.height), Image.Resampling.LANCZOS)
        assert ssim(np.asarray(opened(made.data)), np.asarray(expected)) >= 0.97


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3), (16, 16)])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_slivers_keep_one_pixel(size: tuple[int, int], file_format: str) -> None:
    data = encoded(chart(*size), file_format)
    (made,) = _core.thumbnails(data, [("a", 100, 80)])
    assert max(made.width, made.height) == min(100, max(size))
    assert min(made.width, made.height) >= 1
    assert opened(made.data).size == (made.width, made.height)


def test_the_widest_picture_webp_can_hold() -> None:
    (made,) = _core.thumbnails(encoded(chart(20_000, 20), "PNG"), [("a", 20_000, 50)])
    assert (made.width, made.height) == (16_383, 16)


def test_pixels_are_taken_as_they_are() -> None:
    array = np.asarray(chart(300, 200))
    (made,) = _core.thumbnails_from_pixels(array, [("a", 150, 95)])
    expected = chart(300, 200).resize((150, 100), Image.Resampling.LANCZOS)
    assert ssim(np.asarray(opened(made.data)), np.asarray(expected)) >= 0.97
    (made,) = _core.thumbnails_from_pixels(np.asarray(glass()), [("a", 80, 95)])
    assert opened(made.data).mode == "RGBA"


def test_pixels_in_a_buffer_are_as_good_as_in_an_array() -> None:
    array = np.asarray(glass())
    buffer = memoryview(array.tobytes()).cast("B", array.shape)
    spec = [("a", 60, 80)]
    assert _core.thumbnails_from_pixels(buffer, spec)[0].data == _core.thumbnails_from_pixels(array, spec)[0].data
    assert _core.thumbhash(buffer) == _core.thumbhash(array)
    assert (_core.srgb_from_pixels(buffer) == _core.srgb_from_pixels(array)).all()


@pytest.mark.parametrize("cicp", [None, (12, 13)])
def test_decoded_pixels_are_converted_on_the_way(cicp: tuple[int, int] | None) -> None:
    array, spec = np.asarray(glass()), [("a", 60, 80)]
    (made,) = _core.thumbnails_from_decoded(array, spec, cicp=cicp, max_side=64)
    (expected,) = _core.thumbnails_from_pixels(_core.srgb_from_pixels(array, cicp=cicp, max_side=64), spec)
    assert (made.data, made.thumbhash) == (expected.data, expected.thumbhash)
    with pytest.raises(ValueError, match="max_side"):
        _core.thumbnails_from_decoded(array, spec, max_side=0)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 8, 3), np.uint8)[:, ::2],
    ],
)
def test_arrays_of_another_sort_are_refused(array: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        _core.thumbnails_from_pixels(array, [("a", 10, 80)])


@pytest.mark.parametrize("spec", [("a", 0, 80), ("a", 10, 101)])
def test_impossible_specs_are_refused(spec: tuple[str, int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        _core.thumbnails(JPEG, [spec])


def test_decode_scales_down_only() -> None:
    assert _core.decode(JPEG).shape == (750, 1000, 3)
    assert _core.decode(JPEG, max_side=300).shape == (225, 300, 3)
    assert _core.decode(JPEG, max_side=3000).shape == (750, 1000, 3)
    assert _core.decode(encoded(glass(), "PNG"), max_side=80).shape == (60, 80, 4)


def test_opaque_alpha_is_no_alpha() -> None:
    opaque = chart()
    opaque.putalpha(255)
    data = encoded(opaque, "PNG")
    assert _core.decode(data).shape == (120, 160, 3)
    assert opened(_core.thumbnails(data, [("a", 80, 80)])[0].data).mode == "RGB"


def test_missing_files_and_folders_have_their_class(tmp_path: Path) -> None:
    for path, error_class in [
        (tmp_path / "nothing.jpg", "missing_source"),
        (tmp_path, "unsupported"),
    ]:
        with pytest.raises(ItemError) as caught:
            _core.thumbnails(path, ALL)
        assert caught.value.error_class == error_class


def test_same_input_same_bytes_on_every_thread() -> None:
    sources = [
        JPEG,
        encoded(chart(), "PNG"),
        encoded(glass(), "WEBP"),
        encoded(chart(333, 77), "TIFF"),
    ]
    first = [[made.data for made in _core.thumbnails(source, ALL)] for source in sources]
    differing: list[int] = []

    def work(offset: int) -> None:
        for turn in range(8):
            index = (turn + offset) % len(sources)
            if [made.data for made in _core.thumbnails(sources[index], ALL)] != first[index]:
                differing.append(index)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert differing == []


def test_no_metadata_is_kept() -> None:
    data = encoded(chart(), "JPEG", exif=Image.Exif().tobytes(), comment=b"secret")
    made = opened(_core.thumbnails(data, [("a", 80, 80)])[0].data)
    assert "exif" not in made.info
    assert "icc_profile" not in made.info


def test_the_table_of_formats_agrees_with_the_sniffer() -> None:
    rows = _core.formats()
    names = [row.name for row in rows]
    assert {"jpeg", "png", "gif", "webp", "tiff"} < set(names)
    assert len(set(names)) == len(names)
    for row in rows:
        assert row.decoder
        assert row.note
        assert {_core.mime_from_name(f"a.{extension}".encode()) for extension in row.extensions} == set(row.mime_types)
        assert {_core.media_class(mime) for mime in row.mime_types} == {"image"}
    assert {row.name: (row.alpha, row.icc) for row in rows}["jpeg"] == (False, True)
