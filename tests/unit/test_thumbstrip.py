"""Where a sheet's frames come from and where they go: for any length, any number, any size."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.spec import Origin
from pillion.kinds.thumbstrip import exports
from pillion.kinds.thumbstrip.given import given as checked
from pillion.kinds.thumbstrip.index import Index, Tile, index_of, with_index
from pillion.kinds.thumbstrip.kind import STRIP_SPECS, StripSpec
from pillion.kinds.thumbstrip.sheet import drawn, grid
from pillion.readers.media import FilmFrame, SpreadFrame, span

ORIGIN = Origin(source=None, mime="video/mp4")


@given(st.integers(1, 400), st.floats(0.001, 1e6))
def test_spans_cover_the_film_evenly(count: int, seconds: float) -> None:
    spans = [span(number, count, seconds) for number in range(count)]
    assert spans[0][0] == 0
    assert spans[-1][1] == seconds
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert all(abs((end - start) - seconds / count) <= 1e-9 * seconds for start, end in spans)


@given(st.integers(1, 100), st.integers(1, 10), st.integers(1, 10))
def test_a_grid_has_room_for_its_frames_and_no_empty_row(count: int, columns: int, rows: int) -> None:
    count = min(count, columns * rows)
    found = grid(count, StripSpec(name="own", columns=columns, rows=rows, side=64))
    assert found[0] <= columns
    assert found[1] <= rows
    assert found[0] * (found[1] - 1) < count <= found[0] * found[1]


def frames(count: int, sizes: list[tuple[int, int]], alpha: bool = False) -> list[SpreadFrame]:
    result = []
    for number in range(count):
        height, width = sizes[number % len(sizes)]
        pixels = np.full((height, width, 4 if alpha else 3), 255, dtype=np.uint8)
        pixels[..., :3] = (number * 37 % 256, number * 91 % 256, number * 151 % 256)
        result.append(
            SpreadFrame(start=float(number), end=number + 1.0, time=number + 0.5, frame=FilmFrame(pixels, None))
        )
    return result


@given(
    st.sampled_from(sorted(STRIP_SPECS)),
    st.integers(1, 100),
    st.lists(st.tuples(st.integers(8, 40), st.integers(8, 40)), min_size=1, max_size=3),
)
def test_every_frame_is_at_its_place_in_reading_order(name: str, count: int, sizes: list[tuple[int, int]]) -> None:
    spec = STRIP_SPECS[name]
    shown = frames(min(count, spec.frames), sizes)
    sheet = drawn(spec, shown, float(len(shown)))
    index, pixels = index_of(sheet), _core.decode(sheet)
    assert (index.height, index.width) == pixels.shape[:2]
    corners = [(tile.xywh[1], tile.xywh[0]) for tile in index.tiles]
    assert corners == sorted(set(corners))
    for tile, one in zip(index.tiles, shown, strict=True):
        x, y, width, height = tile.xywh
        assert (tile.start, tile.end, tile.time) == (one.start, one.end, one.time)
        assert 0 <= x <= x + width <= index.width
        assert 0 <= y <= y + height <= index.height
        middle = pixels[y + height // 2, x + width // 2, :3].astype(int)
        assert np.abs(middle - one.frame.pixels[0, 0, :3]).max() < 60


def test_the_index_is_in_the_file_that_others_read() -> None:
    from io import BytesIO

    from PIL import Image

    sheet = drawn(STRIP_SPECS["3x3"], frames(9, [(90, 160)]), 9.0)
    with Image.open(BytesIO(sheet)) as opened:
        opened.load()
        assert opened.size == (480, 270)
        assert b"<pillion:index>" in opened.info["xmp"]
    assert index_of(sheet).columns == 3


def test_transparent_films_have_transparent_sheets() -> None:
    shown = frames(2, [(20, 20)], alpha=True)
    shown[0].frame.pixels[..., 3] = 0
    sheet = drawn(STRIP_SPECS["3x3"], shown, 2.0)
    pixels = _core.decode(sheet)
    assert pixels.shape == (20, 40, 4)
    assert pixels[10, 10, 3] == 0
    assert pixels[10, 30, 3] == 255
    assert len(index_of(sheet).tiles) == 2


def seconds_of(clock: str) -> float:
    hours, minutes, seconds = map(float, clock.split(":"))
    return 3600 * hours + 60 * minutes + seconds


@given(st.lists(st.floats(0, 4e5), min_size=1, max_size=20, unique=True))
def test_vtt_cues_follow_each_other_and_are_never_empty(marks: list[float]) -> None:
    times = sorted(round(mark, 3) for mark in [0.0, *marks])
    tiles = tuple(Tile(start=start, end=end, time=start, xywh=(0, 0, 8, 8)) for start, end in pairwise(times))
    index = Index("thumbstrip", "3x3", times[-1], 1, 1, 8, 8, tiles)
    data = with_index(drawn(STRIP_SPECS["3x3"], frames(1, [(8, 8)]), 1.0), index)
    lines = exports.vtt(data, ORIGIN).decode().split("\n")
    assert lines[:2] == ["WEBVTT", ""]
    cues = [line.split(" --> ") for line in lines if "-->" in line]
    seconds = [
        [sum(float(part) * 60**power for power, part in enumerate(reversed(at.split(":")))) for at in cue]
        for cue in cues
    ]
    assert all(start < end for start, end in seconds)
    assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(seconds))


def test_vtt_names_the_place_in_the_sheet() -> None:
    sheet = drawn(STRIP_SPECS["3x3"], frames(4, [(90, 160)]), 4.0)
    assert exports.vtt(sheet, ORIGIN).decode().split("\n\n")[1:3] == [
        "00:00:00.000 --> 00:00:01.000\n3x3.webp#xywh=0,0,160,90",
        "00:00:01.000 --> 00:00:02.000\n3x3.webp#xywh=160,0,160,90",
    ]


def refused(data: bytes, variant: str = "3x3") -> str:
    with pytest.raises(ItemError) as caught:
        checked(variant, data, {})
    assert caught.value.error_class is ErrorClass.CORRUPT
    return caught.value.message


def test_a_sheet_of_somebody_else_is_taken_only_if_it_is_whole() -> None:
    sheet = drawn(STRIP_SPECS["3x3"], frames(9, [(90, 160)]), 9.0)
    assert checked("3x3", sheet, {}).data == sheet
    assert "not of 5x5" in refused(sheet, "5x5")
    assert "none" in refused(b"\x89PNG\r\n\x1a\n")
    (plain,) = _core.thumbnails_from_pixels(np.zeros((90, 160, 3), np.uint8), [("a", 160, 80, 0)])
    assert "no index" in refused(plain.data)
    index = index_of(sheet)
    for wrong in ({"width": 481}, {"width": 100}):
        fields = {name: getattr(index, name) for name in index.__struct_fields__} | wrong
        refused(with_index(sheet, Index(**fields)))
    refused(sheet.replace(b'"start":0.0', b'"start":-10'))


def test_the_index_of_a_hostile_sheet_is_refused() -> None:
    sheet = drawn(STRIP_SPECS["3x3"], frames(1, [(8, 8)]), 1.0)
    for hostile in (b'"variant":"../x"', b'"variant":"a\\nb"', b'"variant":"&lt;"'):
        with pytest.raises(ItemError):
            index_of(sheet.replace(b'"variant":"3x3"', hostile.ljust(15)))
    assert json.loads(exports.index_json(sheet, ORIGIN))["variant"] == "3x3"
