"""Text in photographs: where it may be, what it says, and which of that to believe; its order is in rows.py.

The detector works best where letters are some 15 pixels high, and texture that fills a picture drowns what is near it.
So it runs twice: on a small picture, in which signs stand out and texture is gone, and on a larger one, for small
print. Regions that could not be recognised (several lines in one, mostly) are searched once more from close by.

Level print, as on a receipt, is searched on the larger picture alone, and that only where its lines are not found by
their ink (slip.py); what is known of it is not read (known.py).

The detector also fires on windows, reeds and brick. What is recognised there is short and doubtful: mostly one
character, seldom three. So the fewer characters a line has, the surer they have to be, and one alone is believed only
in company: losing a house number that stands alone does less harm than noise in every search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pillion.kinds.ocr.known import confirmed, respaced, sure_text
from pillion.kinds.ocr.layout import print_gray_of
from pillion.kinds.ocr.order import around
from pillion.kinds.ocr.page import PictureSource, RecognisedPage
from pillion.kinds.ocr.ppocr import Region, RegionText, Word, shared, sized, touching, upright_boxes, word_corners
from pillion.kinds.ocr.result import OcrLine, OcrWord
from pillion.kinds.ocr.rows import Row, Shown, angle, characters, difference, height, in_rows, length, rotation, skew

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

_FIRST_SIDE = 640
_SECOND_SIDE = 960
LARGEST_SIDE = 2560
"""Longest sides of the picture, in pixels: first and second detection, and the largest one for recognition."""
_LINE_HEIGHT = 56.0
"""Lines are cut from a picture in which the lower ones have this height, in pixels; the recogniser works at 48."""
_MAX_LINES = 200
_ROOM = 0.06
"""Of the height of a line of level print, above and below: a tenth less to read. Measured: docs/performance-ocr.md."""

_SAME_REGION = 0.8
_UNREAD = 0.7
_CLOSE_SIDE = 512
_MAX_CLOSE = 2
_LARGE = 0.25
"""A region of more than this share of the picture is texture."""
_UNCERTAIN = 60.0


class PhotographEngine(Protocol):
    """Detects lines in a picture and recognises them; pictures are RGB, uint8, shape (H, W, 3)."""

    def detect(self, picture: NDArray[np.uint8]) -> list[Region]:
        """Where there may be text, in pixels of the picture."""
        ...

    def recognise(
        self, picture: NDArray[np.uint8], regions: Sequence[Region], *, room: float = 0.0
    ) -> list[RegionText]:
        """The text in each region, in their order. ``room``: above and below, of their height."""
        ...

    def recognise_latin(
        self, picture: NDArray[np.uint8], regions: Sequence[Region], *, room: float = 0.0
    ) -> list[RegionText]:
        """The same of upright lines, most of them in Latin letters, in less time."""
        ...

    def recognise_quickly(
        self, picture: NDArray[np.uint8], regions: Sequence[Region], *, room: float = 0.0
    ) -> list[RegionText]:
        """The same of upright lines in Latin letters, less surely."""
        ...


def recognise_photograph(source: PictureSource, engine: PhotographEngine) -> RecognisedPage:
    """The believable lines of a photograph, in its own pixels. Raises ItemError."""
    return _page_of(_all_texts(source, engine), Shown.SCENE)


@dataclass(frozen=True, slots=True, eq=False)
class LevelPrint:
    """Lines of print in a picture. ``places``: where they are in the source; ``regions``: in ``picture``, in which they
    are large enough to be read, and which is so many times as large as the source, ``factor``.
    """

    places: list[Region]
    picture: NDArray[np.uint8]
    factor: NDArray[np.float32]
    regions: list[Region]

    def gray(self) -> NDArray[np.uint8]:
        """The picture, dark on light."""
        return print_gray_of(self.picture)


def level_print(source: PictureSource, small_print: Sequence[Region]) -> LevelPrint:
    """``small_print``: what :func:`small_print_in` found, one at least. Raises ItemError."""
    places = _surest(small_print)
    picture, factor = _large_enough(source, places)
    return LevelPrint(places, picture, factor, [_scaled(place, factor) for place in places])


def level_print_in(source: PictureSource, pixels: NDArray[np.uint8], regions: Sequence[Region]) -> LevelPrint:
    """``pixels``: those of the source up to ``LARGEST_SIDE``. ``regions``: lines in these, one at least."""
    regions = regions[:_MAX_LINES]
    factor = np.array([pixels.shape[1] / source.width, pixels.shape[0] / source.height], np.float32)
    places = [Region(region.corners / factor, region.score) for region in regions]
    if float(np.percentile([region.height for region in regions], 10)) > _LINE_HEIGHT:
        return level_print(source, places)
    return LevelPrint(places, pixels[:, :, :3], factor, list(regions))


def recognise_level_print(
    found: LevelPrint,
    known: Sequence[Sequence[Word]],
    engine: PhotographEngine,
    shown: Shown = Shown.SLIP,
    *,
    is_latin: bool = False,
) -> RecognisedPage:
    """Its believable lines, in pixels of the source.

    ``known``: the words that were read in each region before. Where these are sure it is not read again, and else
    quickly; where that is not sure either, slowly. ``is_latin``: it is in a language of Latin letters.
    """
    texts = {
        number: sure_text(place, words) for number, (place, words) in enumerate(zip(found.places, known, strict=True))
    }

    def read(how: Callable[..., list[RegionText]]) -> Iterator[tuple[int, RegionText]]:
        unread = [number for number, text in texts.items() if text is None]
        said = how(found.picture, [found.regions[number] for number in unread], room=_ROOM)
        for number, text in zip(unread, said, strict=True):
            yield number, _unscaled(text, found.factor)

    slowly = engine.recognise_latin if is_latin else engine.recognise
    texts |= {number: confirmed(text, known[number]) for number, text in read(engine.recognise_quickly)}
    texts |= {number: respaced(text, known[number]) for number, text in read(slowly)}
    return _page_of([text for text in texts.values() if text is not None], shown)


def _page_of(found: Sequence[RegionText], shown: Shown) -> RecognisedPage:
    texts = believable(found)
    if not texts:
        return RecognisedPage()
    return RecognisedPage(_lines(in_rows(texts, shown)), rotation(texts), skew=skew(texts))


def _lines(rows: Sequence[Row]) -> tuple[OcrLine, ...]:
    pieces = [piece for row in rows for piece in row.pieces]
    boxes = iter(upright_boxes(np.array([piece.corners for piece in pieces])))
    word_boxes = iter(upright_boxes(word_corners(pieces)))
    lines = []
    for row in rows:
        words = [(word.text, 100 * word.confidence, next(word_boxes)) for piece in row.pieces for word in piece.words]
        found = tuple(
            OcrWord(text=word, confidence=confidence, box=box, uncertain=confidence < _UNCERTAIN)
            for word, confidence, box in words
        )
        box = around([next(boxes) for _ in row.pieces])
        lines.append(OcrLine(text=row.text, words=found, box=box, paragraph=row.paragraph))
    return tuple(lines)


# detection and recognition --------------------------------------------------------------------------------------------


def small_print_in(source: PictureSource, engine: PhotographEngine) -> list[Region]:
    """Where there may be text of the size of print, in the pixels of the source."""
    return _detected(source, engine, _SECOND_SIDE)


def _all_texts(source: PictureSource, engine: PhotographEngine) -> list[RegionText]:
    regions = small_print_in(source, engine)
    regions = _with_others(_detected(source, engine, _FIRST_SIDE), regions)
    if not regions:
        return []
    regions = _surest(regions)
    picture, factor = _large_enough(source, regions)
    texts = engine.recognise(picture, [_scaled(region, factor) for region in regions])
    return [_unscaled(text, factor) for text in [*texts, *_from_close_by(picture, texts, engine)]]


def _surest(regions: Sequence[Region]) -> list[Region]:
    return sorted(regions, key=lambda region: region.score, reverse=True)[:_MAX_LINES]


def _detected(source: PictureSource, engine: PhotographEngine, side: int) -> list[Region]:
    """Regions in the pixels of the source."""
    picture = source.pixels(side)
    factor = np.array([source.width / picture.shape[1], source.height / picture.shape[0]], np.float32)
    return [_scaled(region, factor) for region in engine.detect(picture)]


def _large_enough(source: PictureSource, regions: Sequence[Region]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A picture in which the lines are high enough to be recognised, and by how much it is larger than the source."""
    low = float(np.percentile([region.height for region in regions], 10))
    side = max(source.width, source.height) * min(1.0, _LINE_HEIGHT / max(low, 1.0))
    picture = source.pixels(min(LARGEST_SIDE, max(_FIRST_SIDE, round(side))))[:, :, :3]
    return picture, np.array([picture.shape[1] / source.width, picture.shape[0] / source.height], np.float32)


def _with_others(regions: Sequence[Region], more: Sequence[Region]) -> list[Region]:
    """The regions, and of others those that are not among them."""
    every = [*regions, *more]
    near = touching([region.corners for region in more], [region.corners for region in every])
    kept = list(range(len(regions)))
    for place, touched in enumerate(near, len(regions)):
        if not any(touched[other] and _is_same(every[place], every[other]) for other in kept):
            kept.append(place)
    return [every[place] for place in kept]


def _is_same(one: Region, other: Region) -> bool:
    low, high = sorted((one.height, other.height))
    return low >= _SAME_REGION * high and shared(one.corners, other.corners) >= _SAME_REGION


def _from_close_by(
    picture: NDArray[np.uint8], texts: Sequence[RegionText], engine: PhotographEngine
) -> list[RegionText]:
    """What is found in enlarged parts of the picture around regions that could not be recognised."""
    found: list[RegionText] = []
    unread = [text for text in texts if text.confidence < _UNREAD and not _is_texture(text, picture)]
    for text in sorted(unread, key=lambda text: text.score, reverse=True)[:_MAX_CLOSE]:
        left, top, right, bottom = _with_margin(text, picture)
        part = picture[top:bottom, left:right]
        large = sized(part, _CLOSE_SIDE)
        factor = np.array([part.shape[1] / large.shape[1], part.shape[0] / large.shape[0]], np.float32)
        corner = np.array([left, top], np.float32)
        regions = [Region(region.corners * factor + corner, region.score) for region in engine.detect(large)]
        found += engine.recognise(picture, regions)
    return found


def _is_texture(text: RegionText, picture: NDArray[np.uint8]) -> bool:
    width, height = np.ptp(text.corners, axis=0)
    return bool(width * height > _LARGE * picture.shape[0] * picture.shape[1])


def _with_margin(text: RegionText, picture: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Around a region, with a margin: left, top, right, bottom."""
    low, high = text.corners.min(axis=0), text.corners.max(axis=0)
    margin = 0.25 * float((high - low).min()) + 8
    left, top = np.maximum(low - margin, 0)
    right, bottom = np.minimum(high + margin, [picture.shape[1], picture.shape[0]])
    return int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom))


def _scaled(region: Region, factor: NDArray[np.float32]) -> Region:
    return Region(region.corners * factor, region.score)


def _unscaled(text: RegionText, factor: NDArray[np.float32]) -> RegionText:
    """In the pixels of the source again."""
    return RegionText(text.corners / factor, text.score, text.confidence, text.words)


# trust ----------------------------------------------------------------------------------------------------------------

_SURE_ENOUGH = {2: 0.94, 3: 0.88, 4: 0.80}
"""Characters -> least mean confidence, 0 to 1, of a line believed by itself. Measured: docs/performance-ocr.md."""
_MANY = 5
_MANY_SURE = 0.72
_IN_COMPANY = 0.85
_ALIKE = 2.0
_SAME_PLACE = 0.5


def score(text: RegionText) -> float:
    """Orders results for one place: characters, weighted by their confidence above that of noise."""
    return sum(max(0.0, word.confidence - 0.5) * len(word.text) for word in text.words)


def stands_alone(text: RegionText) -> bool:
    """Whether a line is to be believed whatever is around it."""
    count = characters(text)
    least = _MANY_SURE if count >= _MANY else _SURE_ENOUGH.get(count, math.inf)
    return text.confidence >= least


def believable(texts: Sequence[RegionText]) -> list[RegionText]:
    """The lines that are text, each place once; nothing when no line can be believed by itself."""
    sure = without_duplicates([text for text in texts if stands_alone(text)])
    company = [
        text
        for text in texts
        if not stands_alone(text)
        and characters(text)
        and text.confidence >= _IN_COMPANY
        and any(_is_company(text, other) for other in sure)
    ]
    return without_duplicates([*sure, *company])


def without_duplicates(texts: Sequence[RegionText]) -> list[RegionText]:
    """Of several results for the same place the one with the best score."""
    texts = sorted(texts, key=score, reverse=True)
    near = touching([text.corners for text in texts], [text.corners for text in texts])
    kept: list[int] = []
    for place, text in enumerate(texts):
        if not any(near[place, other] and shared(text.corners, texts[other].corners) >= _SAME_PLACE for other in kept):
            kept.append(place)
    return [texts[place] for place in kept]


def _is_company(text: RegionText, other: RegionText) -> bool:
    """Whether a line is near another of about its size and direction, such as a price near its article."""
    low, high = sorted((height(text), height(other)))
    distance = float(np.linalg.norm(text.corners.mean(axis=0) - other.corners.mean(axis=0)))
    reach = 3 * high + (length(text) + length(other)) / 2
    return high <= _ALIKE * low and distance <= reach and abs(difference(angle(text), angle(other))) < 15
