"""Which files beside each other are one item."""

from __future__ import annotations

import pytest

from pillion.facts import MediaFacts, taken_ms
from pillion.index.changes import Member, parts_among, stem_of


def _member(path: str, content: str = "", *, live_id: str | None = None, duration: float | None = None) -> Member:
    facts = MediaFacts(live_id=live_id, duration=duration)
    return Member(path=path.encode(), content_uuid=content or path, facts=facts)


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        (b"a/IMG_1.HEIC", b"a/IMG_1"),
        (b"a/IMG_1.mov", b"a/IMG_1"),
        (b"a/IMG_1.xmp", b"a/IMG_1"),
        (b"a/IMG_1.CR2.xmp", b"a/IMG_1"),
        (b"a/notes.txt", None),
        (b"a.jpg/b", None),
    ],
)
def test_stems(path: bytes, stem: bytes | None) -> None:
    assert stem_of(path) == stem


def test_a_film_is_part_of_the_photograph_that_names_the_same_pair() -> None:
    still, film = _member("a.HEIC", live_id="X"), _member("a.MOV", live_id="X", duration=90.0)
    assert parts_among([film, still]) == {"a.MOV": "a.HEIC"}
    assert parts_among([_member("a.MOV", live_id="Y", duration=2.0), still]) == {}


def test_a_film_without_a_name_of_its_pair_is_part_of_a_photograph_only_if_it_is_short() -> None:
    still = _member("a.jpg")
    assert parts_among([still, _member("a.mp4", duration=2.9)]) == {"a.mp4": "a.jpg"}
    assert parts_among([still, _member("a.mp4", duration=45.0)]) == {}
    assert parts_among([still, _member("a.mp4")]) == {}


def test_raw_files_and_sidecars_are_parts_of_the_picture_beside_them() -> None:
    members = [_member("a.CR2"), _member("a.JPG"), _member("a.CR2.xmp"), _member("a.xmp")]
    assert parts_among(members) == {"a.CR2": "a.JPG", "a.CR2.xmp": "a.JPG", "a.xmp": "a.JPG"}
    assert parts_among([_member("a.nef"), _member("a.xmp")]) == {"a.xmp": "a.nef"}
    assert parts_among([_member("a.xmp"), _member("a.mov", duration=1.0)]) == {}


def test_a_content_is_no_part_of_itself_and_two_photographs_are_two() -> None:
    assert parts_among([_member("a.jpg", "same"), _member("a.dng", "same")]) == {}
    assert parts_among([_member("a.heic"), _member("a.jpg")]) == {}


@pytest.mark.parametrize(
    ("taken", "ms"),
    [
        ("1970-01-01T00:00:01.250+05:00", 1250),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-02", 86_400_000),
        ("1970-02", 31 * 86_400_000),
        ("1971", 365 * 86_400_000),
        ("1960-01-01T00:00:00", -315_619_200_000),
        (None, None),
    ],
)
def test_places_of_dates_are_those_of_the_clock_on_the_wall(taken: str | None, ms: int | None) -> None:
    assert taken_ms(taken) == ms
