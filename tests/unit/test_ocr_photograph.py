"""Which lines of a photograph are believed, which of two readings is kept, and in which order they come."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pillion.kinds.ocr import photograph
from pillion.kinds.ocr.ppocr import Region, RegionText, Word, shared, touching


def line(
    text: str, confidence: float, at: tuple[float, float] = (0, 0), height: float = 20, turned: float = 0
) -> RegionText:
    """A line that begins at a place, each character half as wide as high."""
    words = text.split()
    length = max(1.0, len(text) * height / 2)
    angle = math.radians(turned)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    flat = np.array([[0, 0], [length, 0], [length, height], [0, height]])
    corners = (flat @ turn.T + np.array(at)).astype(np.float32)
    found = tuple(Word(word, confidence, n / len(words), (n + 1) / len(words)) for n, word in enumerate(words))
    return RegionText(corners, 0.8, confidence, found)


def texts(lines: list[RegionText]) -> list[str]:
    return [one.text for one in lines]


@pytest.mark.parametrize(
    ("text", "confidence", "is_believed"),
    [
        ("BAKERY", 0.99, True),
        ("BAKERY", 0.73, True),
        ("BAKERY", 0.6, False),
        ("Bar", 0.99, True),
        ("ARV", 0.8, False),
        ("up", 0.99, True),
        ("up", 0.9, False),
        ("7", 1.0, False),
        ("--- ...", 1.0, False),
        ("", 0.0, False),
    ],
)
def test_the_shorter_the_surer(text: str, confidence: float, is_believed: bool) -> None:
    assert bool(photograph.believable([line(text, confidence)])) is is_believed


def test_a_short_one_is_believed_beside_its_like() -> None:
    sign = line("Bakery", 0.99)
    beside, far = line("7", 0.95, at=(80, 0)), line("8", 0.95, at=(900, 700))
    large, turned = line("9", 0.95, at=(80, 0), height=90), line("6", 0.95, at=(80, 0), turned=70)
    assert texts(photograph.believable([beside, sign])) == ["Bakery", "7"]
    for other in (far, large, turned):
        assert texts(photograph.believable([other, sign])) == ["Bakery"]


def test_lines_on_their_head_keep_each_other_company() -> None:
    sign, beside = line("Bakery", 0.99, turned=179), line("7", 0.95, at=(-80, 0), turned=-179)
    assert texts(photograph.believable([beside, sign])) == ["Bakery", "7"]


def test_of_two_readings_of_a_place_the_better_one_is_kept() -> None:
    whole, part = line("NEVER ALONE", 0.99), line("ALONE", 0.9, at=(60, 0))
    assert texts(photograph.believable([part, whole])) == ["NEVER ALONE"]
    garbled = line("NXVFR AIONF", 0.73)
    assert texts(photograph.believable([garbled, line("ALONE", 1.0, at=(60, 0))])) == ["ALONE"]


def test_what_two_places_share() -> None:
    one, half = line("abcd", 1.0), line("abcd", 1.0, at=(20, 0))
    assert shared(one.corners, one.corners) == pytest.approx(1)
    assert shared(one.corners, half.corners) == pytest.approx(0.5)
    assert shared(one.corners, line("abcd", 1.0, at=(0, 100)).corners) == 0


def test_places_far_apart_share_nothing() -> None:
    one, half, far = line("abcd", 1.0), line("abcd", 1.0, at=(20, 0)), line("abcd", 1.0, at=(20, 300))
    places = [one.corners, half.corners, far.corners]
    assert touching(places, places).tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    assert touching([], places).shape == (0, 3)


def region(left: float, top: float, right: float, bottom: float) -> Region:
    return Region(np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32), 0.8)


class Engine:
    """Finds regions, and reads in each what is given for it; quickly, what is given for that."""

    def __init__(self, regions: list[Region], said: list[str], quickly: list[str] | None = None) -> None:
        self.regions, self.said, self.read, self.looked, self.latin = regions, said, 0, 0, 0
        self.quickly = quickly or said

    def detect(self, picture: object) -> list[Region]:
        self.looked += 1
        return self.regions

    def recognise(self, picture: object, regions: list[Region], *, room: float = 0.0) -> list[RegionText]:
        self.read += len(regions)
        return [self.text(one, self.said, 0.98) for one in regions]

    def recognise_latin(self, picture: object, regions: list[Region], *, room: float = 0.0) -> list[RegionText]:
        self.latin += len(regions)
        return self.recognise(picture, regions, room=room)

    def recognise_quickly(self, picture: object, regions: list[Region], *, room: float = 0.0) -> list[RegionText]:
        return [self.text(one, self.quickly, 0.9) for one in regions]

    @staticmethod
    def text(one: Region, said: list[str], confidence: float) -> RegionText:
        word = Word(said[int(one.corners[0, 1] // 100)], confidence, 0.0, 1.0)
        return RegionText(one.corners, 0.8, confidence, (word,))


class Blank:
    width, height = 640, 400

    def pixels(self, max_side: int | None = None) -> np.ndarray:
        return np.zeros((400, 640, 3), np.uint8)


class Halved:
    """Twice as large as the pixels in which its lines are found."""

    width, height = 2560, 1600

    def __init__(self) -> None:
        self.sides: list[int] = []

    def pixels(self, max_side: int | None = None) -> np.ndarray:
        assert max_side is not None
        self.sides.append(max_side)
        return np.zeros((max_side * 5 // 8, max_side, 3), np.uint8)


def test_level_print_is_joined_from_what_was_known_and_what_is_read_again() -> None:
    regions = [region(0, top, 200, top + 22) for top in (0, 100, 200)]
    engine = Engine(regions, ["MILK", "BREAD", "EGGS"], ["MILK", "BREAO", "EGGS"])
    found = photograph.level_print(Blank(), photograph.small_print_in(Blank(), engine))
    known = [(Word("Cream", 0.96, 0.04, 0.95),), (), (Word("EGGS", 0.6, 0.0, 1.0),)]
    page = photograph.recognise_level_print(found, known, engine)
    assert [one.text for one in page.lines] == ["Cream", "BREAD", "EGGS"]
    assert page.lines[2].words[0].confidence == pytest.approx(97)
    assert (engine.read, engine.looked, engine.latin) == (1, 1, 0)
    assert photograph.recognise_level_print(found, known, engine, is_latin=True) == page
    assert (engine.read, engine.latin) == (2, 1)


def test_small_print_is_sought_twice_in_a_photograph() -> None:
    engine = Engine([region(0, 0, 200, 22)], ["MILK"])
    found = photograph.recognise_photograph(Blank(), engine)
    assert [one.text for one in found.lines] == ["MILK"]
    assert engine.looked == 2


@pytest.mark.parametrize(("height", "drawn_again"), [(30, False), (120, True)], ids=["small", "large"])
def test_lines_are_read_in_the_pixels_in_which_they_were_found_unless_they_are_large(
    height: int, drawn_again: bool
) -> None:
    source = Halved()
    pixels = np.zeros((800, 1280, 3), np.uint8)
    found = photograph.level_print_in(source, pixels, [region(0, 0, 400, height)])
    assert found.places[0].height == pytest.approx(2 * height)
    assert found.regions[0].height == pytest.approx(60 if drawn_again else height)
    assert source.sides == ([] if not drawn_again else [640])
