"""Sheets of real films: the frames are those of their times, whatever the file."""

from __future__ import annotations

import json
from fractions import Fraction
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from pillion import Library, _core
from pillion.errors import ErrorClass, ItemError
from pillion.exports import export
from pillion.kinds.registry import find
from pillion.kinds.thumbstrip.index import Index, index_of
from pillion.model import GenerationRequest, Produced, SidecarMark
from pillion.readers import media as engine
from pillion.readers.media import spread
from tests.support import films
from tests.support.program import run


def made(path: Path, *variants: str) -> tuple[Produced, ...]:
    generator = find("thumbstrip", "video/mp4")
    assert generator is not None
    request = GenerationRequest(
        kind="thumbstrip", variants=variants or ("10x10",), source=path, mime=_core.sniff_file(path)
    )
    result = generator.generate(request)
    assert isinstance(result, tuple)
    return result


def shown(produced: Produced) -> tuple[Index, list[int]]:
    """The index, and the number that each frame on the sheet shows."""
    index, pixels = index_of(produced.data), _core.decode(produced.data)
    tiles = [tile.xywh for tile in index.tiles]
    return index, [films.number_in(pixels[y : y + height, x : x + width]) for x, y, width, height in tiles]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "mpeg4"),
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),
        ("a.webm", "libvpx-vp9"),
        ("a.avi", "mpeg4"),
        ("a.ts", "mpeg2video"),
        ("a.mpg", "mpeg2video"),
        ("a.m2v", "mpeg2video"),
    ],
)
def test_a_short_film_shows_the_frame_in_the_middle_of_each_span(name: str, codec: str, tmp_path: Path) -> None:
    path = films.write_numbered(tmp_path / name, films.even(250), codec=codec, keys_every=50)
    for produced in made(path, "3x3", "10x10"):
        index, numbers = shown(produced)
        assert produced.mark is None
        assert len(numbers) == (9 if produced.variant == "3x3" else 100)
        assert numbers == sorted(set(numbers))
        for tile, number in zip(index.tiles, numbers, strict=True):
            assert number / 25 == pytest.approx(tile.time, abs=0.09)
            assert tile.time == pytest.approx((tile.start + tile.end) / 2, abs=0.09)


def test_a_long_film_is_shown_by_its_key_frames_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "FEW_PIXELS", 0)
    path = films.write_numbered(tmp_path / "a.mp4", films.even(1000), keys_every=5)
    decoded = []
    decode = spread._decode
    monkeypatch.setattr(spread, "_decode", lambda *given: decoded.append(given[1]) or decode(*given))
    index, numbers = shown(made(path, "5x5")[0])
    assert len(numbers) == 25
    assert all(number % 5 == 0 for number in numbers)
    assert all(tile.start <= tile.time < tile.end for tile in index.tiles)
    assert sum(packet is not None for packet in decoded) == 25


def test_a_film_with_one_key_frame_shows_the_frames_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "FEW_PIXELS", 0)
    path = films.write_numbered(tmp_path / "a.mp4", films.even(500), keys_every=600, codec="libx264")
    index, numbers = shown(made(path, "10x10")[0])
    assert len(numbers) == 100
    assert [round(tile.time * 25) for tile in index.tiles] == numbers
    monkeypatch.setattr(spread, "MOST_PIXELS", 0)
    (produced,) = made(path, "10x10")
    assert produced.mark is SidecarMark.PARTIAL
    assert shown(produced)[1] == [0]


def test_a_sheet_does_not_depend_on_the_others_made_with_it(tmp_path: Path) -> None:
    path = films.write_numbered(tmp_path / "a.mp4", films.even(250))
    together = {produced.variant: produced for produced in made(path, "3x3", "5x5", "10x10")}
    assert all(made(path, variant) == (together[variant],) for variant in together)


def test_a_film_without_a_length_is_read_from_its_beginning(tmp_path: Path) -> None:
    """As browsers record it: neither a length nor an index."""
    options = {"live": "1"}
    path = films.write_numbered(
        tmp_path / "a.webm", films.even(250), codec="libvpx", container_options=options, keys_every=30
    )
    assert engine.probe(path).seconds is None
    index, numbers = shown(made(path)[0])
    assert index.duration == pytest.approx(10, abs=0.1)
    assert len(numbers) == 100
    assert all(abs(number / 25 - tile.time) < 0.03 for tile, number in zip(index.tiles, numbers, strict=True))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.ts", "libx264", {}),
        ("a.ts", "mpeg2video", {}),
        ("a.mkv", "libx264", {"live": "1"}),
        ("a.webm", "libvpx", {"live": "1"}),
    ],
)
def test_a_long_stream_without_an_index_is_not_read_frame_by_frame(
    name: str, codec: str, options: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "FEW_PIXELS", 0)
    monkeypatch.setattr(spread, "_LEAST_TAIL", 1 << 16)
    monkeypatch.delattr(spread, "_Scanned")
    path = films.write_numbered(
        tmp_path / name,
        films.even(1000),
        keys_every=5,
        codec=codec,
        container_options=options,
        sound_s=40.0,
    )
    for produced in made(path, "3x3", "5x5"):
        index, numbers = shown(produced)
        assert index.duration == pytest.approx(40, abs=0.2)
        assert len(numbers) == (9 if produced.variant == "3x3" else 25)
        assert all(number % 5 == 0 for number in numbers)
        for tile, number in zip(index.tiles, numbers, strict=True):
            assert tile.start <= tile.time < tile.end
            assert number / 25 == pytest.approx(tile.time, abs=0.09)
        assert produced.mark is None


def test_a_stream_with_fewer_key_frames_than_spans_is_read_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "FEW_PIXELS", 0)
    path = films.write_numbered(tmp_path / "a.ts", films.even(500), codec="mpeg2video", keys_every=60)
    index, numbers = shown(made(path, "5x5")[0])
    assert len(numbers) == 25
    assert all(abs(number / 25 - tile.time) < 0.09 for tile, number in zip(index.tiles, numbers, strict=True))


def test_a_file_that_ends_early_is_spread_over_what_is_there(tmp_path: Path) -> None:
    whole = films.write_numbered(
        tmp_path / "a.mp4", films.even(500), keys_every=25, container_options={"movflags": "faststart"}
    )
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (produced,) = made(cut)
    index, numbers = shown(produced)
    assert produced.mark is SidecarMark.TRUNCATED
    assert 5 < index.duration < 15
    assert len(numbers) > 90
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(("name", "mark"), [("a.avi", b"idx1"), ("a.mkv", b"\x1c\x53\xbb\x6b")])
def test_a_file_without_its_index(name: str, mark: bytes, tmp_path: Path) -> None:
    path = films.write_numbered(tmp_path / name, films.even(250), keys_every=25)
    data = path.read_bytes()
    assert mark in data
    path.write_bytes(data.replace(mark, mark[:-1] + b"\x6c"))
    index, numbers = shown(made(path)[0])
    assert len(numbers) == 100
    assert all(abs(number / 25 - tile.time) < 0.03 for tile, number in zip(index.tiles, numbers, strict=True))


def test_times_that_are_not_even(tmp_path: Path) -> None:
    """Ten frames in the first second, then one in ten."""
    times = [number / 10 for number in range(10)] + [1.0, 11.0, 21.0, 31.0]
    path = films.write_numbered(tmp_path / "a.mkv", times, keys_every=3, tick=Fraction(1, 100))
    index, numbers = shown(made(path)[0])
    assert len(numbers) < 20
    for tile, number in zip(index.tiles, numbers, strict=True):
        assert tile.time == pytest.approx(times[number], abs=0.01)
        assert tile.time <= (tile.start + tile.end) / 2 + 0.2
    assert [tile.start for tile in index.tiles[1:]] == [tile.end for tile in index.tiles[:-1]]


def test_sound_that_goes_on_after_the_pictures(tmp_path: Path) -> None:
    path = films.write_numbered(tmp_path / "a.mp4", films.even(50), sound_s=20)
    index, numbers = shown(made(path, "5x5")[0])
    assert index.duration == pytest.approx(20, abs=0.2)
    assert numbers[-1] == 49
    assert index.tiles[-1].end == index.duration


@pytest.mark.parametrize(("count", "tiles"), [(1, 1), (2, 2), (7, 7)])
def test_films_of_a_few_frames(count: int, tiles: int, tmp_path: Path) -> None:
    path = films.write_numbered(tmp_path / "a.mp4", films.even(count))
    for produced in made(path, "3x3", "10x10"):
        index, numbers = shown(produced)
        assert numbers == list(range(tiles))
        assert index.tiles[0].start == 0
        assert index.tiles[-1].end == index.duration


def test_turned_films_are_upright_and_none_is_enlarged(tmp_path: Path) -> None:
    turned = films.turned(films.write_numbered(tmp_path / "a.mp4", films.even(20)))
    for produced in made(turned, "3x3", "10x10"):
        tile = index_of(produced.data).tiles[0]
        assert tile.xywh[2:] == ((180, 320) if produced.variant == "3x3" else (108, 192))
        pixels = _core.decode(produced.data)[: tile.xywh[3], : tile.xywh[2]]
        assert films.number_in(np.ascontiguousarray(np.rot90(pixels))) == round(tile.time * 25)
    small = films.write_numbered(tmp_path / "small.mp4", films.even(20), size=(80, 48))
    assert index_of(made(small, "3x3")[0].data).tiles[0].xywh[2:] == (80, 48)


@pytest.mark.parametrize("curve", ["pq", "hlg"])
def test_high_dynamic_range_is_shown_as_thumbnails_show_it(curve: str, tmp_path: Path) -> None:
    path = films.write_hdr(tmp_path / "a.mkv", films.patches(), curve)
    index = index_of((produced := made(path, "3x3")[0]).data)
    x, y, width, height = index.tiles[0].xywh
    pixels = _core.decode(produced.data)[y : y + height, x : x + width].astype(int)
    for row, colour in ((40, (255, 0, 0)), (120, (255, 255, 255)), (200, (128, 128, 128))):
        assert np.abs(pixels[row, width // 4] - colour).max() < 20


def test_what_is_no_film_is_said_to_be_none(tmp_path: Path) -> None:
    from tests.support import media

    sound = media.write_audio(tmp_path / "a.m4a", media.tone(1))
    with pytest.raises(ItemError) as caught:
        made(sound)
    assert caught.value.error_class is ErrorClass.UNSUPPORTED
    path = films.write_numbered(tmp_path / "a.mp4", films.even(20))
    data = path.read_bytes()
    start, size = data.index(b"mdat") + 4, int.from_bytes(data[data.index(b"mdat") - 4 : data.index(b"mdat")], "big")
    path.write_bytes(data[:start] + bytes(size - 8) + data[start + size - 8 :])
    with pytest.raises(ItemError) as caught:
        made(path)
    assert caught.value.error_class is ErrorClass.CORRUPT


# in a library ---------------------------------------------------------------------------------------------------------


def test_a_library_makes_and_exports_them_and_makes_them_again(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    film = films.write_numbered(folder / "a.mp4", films.even(100))
    with Library.open(tmp_path / "library", policy="server") as library:
        library.index(folder, kinds=["thumbstrip"])
        library.run()
        rows = list(library.ls(kind="thumbstrip"))
        assert [(row.variant, str(row.state)) for row in rows] == [(name, "ready") for name in ("10x10", "3x3", "5x5")]
        paths = [row.path for row in rows if row.path]
        assert f"{paths[0].parent.name}/{paths[0].name}" == "thumbstrips/10x10.webp"
        uuid = rows[0].content_uuid
        index = json.loads(export(f"sidecar://{uuid}/thumbstrip/3x3", "json", library=library))
        assert len(index["tiles"]) == 9
        schema = json.loads((resources.files("pillion.kinds.thumbstrip") / "schema-1.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(index, schema)
        assert b"5x5.webp#xywh=" in export(f"sidecar://{uuid}/thumbstrip/5x5", "vtt", library=library)
        before = [path.read_bytes() for path in paths]
        assert library.regenerate(kind="thumbstrip") == 3
        library.run()
        assert [path.read_bytes() for path in paths] == before
        assert library.verify() == []
    assert json.loads(run("export", film, "--to", "json", "--now").stdout)["variant"] == "10x10"


def test_only_a_server_wants_it() -> None:
    from pillion.kinds.registry import built_in_policies

    assert [name for name, policy in built_in_policies().items() if "thumbstrip" in policy.kinds] == ["server"]
