"""Facts of files in a library: shown, kept over moves, read again, and joined with what lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import pillion
from pillion import _core
from pillion.catalog.contents import facts_of
from pillion.library.timeline import Chosen
from tests.support.program import run, run_json

pytestmark = pytest.mark.usefixtures("both_catalogs")

XMP = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description'
    ' xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:DateTimeOriginal="{date}"/></x:xmpmeta>'
)


def _photo(path: Path, date: str = "2024:05:31 14:03:22", colour: str = "red") -> Path:
    exif = Image.Exif()
    exif[0x10F], exif[0x8769] = "Canon", {0x9003: date, 0x9011: "+02:00"}
    Image.new("RGB", (64, 48), colour).save(path, exif=exif)
    return path


def _film(path: Path) -> Path:
    """A short film: enough of boxes to say how long it is."""

    def box(name: bytes, inside: bytes) -> bytes:
        return (len(inside) + 8).to_bytes(4, "big") + name + inside

    header = bytearray(100)
    header[12:16], header[16:20] = (1000).to_bytes(4, "big"), (2900).to_bytes(4, "big")
    sample = bytes(12) + b"avc1" + bytes(70)
    media = box(b"hdlr", bytes(8) + b"vide" + bytes(12)) + box(b"minf", box(b"stbl", box(b"stsd", sample)))
    movie = box(b"mvhd", bytes(header)) + box(b"trak", box(b"mdia", media))
    path.write_bytes(box(b"ftyp", b"qt  " + bytes(4) + b"qt  ") + box(b"moov", movie))
    return path


@pytest.fixture
def library(tmp_path: Path) -> Iterator[pillion.Library]:
    with pillion.Library.open(tmp_path / "library", policy="mobile") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def _content(library: pillion.Library, path: Path) -> str:
    [uuid] = library.find(path)
    return uuid


def _timeline(library: pillion.Library) -> list[str]:
    page, _ = library.timeline.page(Chosen())
    return [os.fsdecode(item.path) for item in page]


@pytest.mark.in_folder
def test_the_timeline_goes_by_capture_dates_and_show_prints_the_facts(
    library: pillion.Library, folder: Path, tmp_path: Path
) -> None:
    old, new = _photo(folder / "old.jpg", "2001:01:01 10:00:00"), _photo(folder / "new.jpg")
    plain = folder / "plain.txt"
    plain.write_text("no date")
    os.utime(plain, (1_100_000_000, 1_100_000_000))
    library.index(folder)
    assert _timeline(library) == ["new.jpg", "plain.txt", "old.jpg"]
    facts = library.facts(_content(library, new))
    assert (facts.taken, facts.taken_from, facts.width, facts.make) == (
        "2024-05-31T14:03:22+02:00",
        "exif",
        64,
        "Canon",
    )
    assert library.facts(_content(library, plain)).to_json() == {}
    library.close()
    shown = run("show", old, "--library", tmp_path / "library")
    assert "taken 2001-01-01 10:00:00+02:00 (exif)\n64 x 48\nCanon\n" in shown.stdout, shown
    about = run_json("show", old, "--library", tmp_path / "library")
    assert (about["facts"]["taken"], about["part_of"], about["parts"]) == ("2001-01-01T10:00:00+02:00", None, [])


def test_facts_stay_with_files_that_move(library: pillion.Library, folder: Path) -> None:
    photo = _photo(folder / "a.jpg")
    library.index(folder)
    uuid = _content(library, photo)
    photo.rename(folder / "b.jpg")
    report = library.index(folder)
    assert (report.moved, report.hashed) == (1, 0)
    assert library.facts(uuid).make == "Canon"
    assert _timeline(library) == ["b.jpg"]


def test_facts_that_were_read_by_older_rules_are_read_again(
    library: pillion.Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = _photo(folder / "a.jpg")
    library.index(folder)
    uuid = _content(library, photo)
    asked = []

    def better(path: bytes) -> tuple[str, tuple[int, str]]:
        asked.append(path)
        return "image/jpeg", (1000, '{"taken":"1970-01-01T00:00:01","make":"Better"}')

    monkeypatch.setattr(_core, "FACTS_VERSION", _core.FACTS_VERSION + 1)
    monkeypatch.setattr(_core, "file_facts", better)
    for _ in range(2):
        assert library.index(folder).hashed == 0
    assert asked == [os.fsencode(photo)]
    assert library.facts(uuid).to_json() == {"taken": "1970-01-01T00:00:01", "make": "Better"}
    [item] = library.timeline.page(Chosen())[0]
    assert item.shown_at == 1000


def test_a_photograph_with_its_film_and_its_raw_file_is_one_item(library: pillion.Library, folder: Path) -> None:
    photo, film, raw = _photo(folder / "a.jpg"), _film(folder / "a.mov"), folder / "a.cr2"
    raw.write_bytes(b"II*\0\x10\0\0\0CR\x02\0" + bytes(100))
    library.index(folder)
    whole, parts = _content(library, photo), sorted([_content(library, film), _content(library, raw)])
    assert library.parts(whole) == (None, parts)
    assert library.parts(parts[0]) == (whole, [])
    assert _timeline(library) == ["a.jpg"]
    # What no photograph lies beside is an item of its own.
    photo.unlink()
    library.index(folder)
    assert sorted(_timeline(library)) == ["a.cr2", "a.mov"]
    _photo(photo)
    library.index(folder)
    assert _timeline(library) == ["a.jpg"]
    film.rename(folder / "b.mov")
    library.index(folder)
    assert sorted(_timeline(library)) == ["a.jpg", "b.mov"]


def test_a_long_film_of_the_same_name_is_an_item_of_its_own(library: pillion.Library, folder: Path) -> None:
    _photo(folder / "a.jpg")
    film = _film(folder / "a.mov")
    film.write_bytes(film.read_bytes().replace((2900).to_bytes(4, "big"), (90_000).to_bytes(4, "big")))
    library.index(folder)
    assert sorted(_timeline(library)) == ["a.jpg", "a.mov"]


@pytest.mark.parametrize("name", ["a.xmp", "a.jpg.xmp"])
def test_a_sidecar_of_xmp_says_when_its_photograph_was_taken(library: pillion.Library, folder: Path, name: str) -> None:
    photo = _photo(folder / "a.jpg")
    library.index(folder)
    uuid = _content(library, photo)
    beside = folder / name
    beside.write_text(XMP.format(date="1999-12-31T23:59:59+01:00"))
    library.index(folder)
    facts = library.facts(uuid)
    assert (facts.taken, facts.taken_from, facts.make) == ("1999-12-31T23:59:59+01:00", "sidecar", "Canon")
    [item] = library.timeline.page(Chosen())[0]
    assert item.shown_at == 946_684_799_000
    beside.unlink()
    library.index(folder)
    assert library.facts(uuid).taken == "2024-05-31T14:03:22+02:00"
    assert library.timeline.page(Chosen())[0][0].shown_at == 1_717_164_202_000


def test_deleted_contents_leave_no_facts(library: pillion.Library, folder: Path) -> None:
    photo = _photo(folder / "a.jpg")
    library.index(folder)
    uuid = _content(library, photo)
    photo.unlink()
    library.index(folder, accept_removals=True)
    library.maintenance.cleanup(older_than_days=0)
    assert library.content_info(uuid) is None
    with library._database.read() as connection:
        assert facts_of(connection, [uuid]) == {}
