"""Lines that were read twice: the layout analysis gives some print as dark lines, and again as light ones on dark.

It does so where the ground of a part of a page is neither, as that of an advertisement with an edge of ornaments. Two
lines are of the same print where most of one says, word by word, what the other says at that place, and all that is
sure in it stands on words of the other. The one that is surer is kept. Where they say something else, one that is not
sure and stands on a surer one is that line cut through.

All is in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pillion.kinds.ocr.evidence import around_words
from pillion.kinds.ocr.result import Box
from pillion.kinds.ocr.segments import WORD_UNCERTAIN, Read, in_one_place, letters, on_page
from pillion.kinds.ocr.tesseract import RecognisedLine, confidence

_SHARED = 0.5
"""Lines and words are in one place where they share so much of the smaller one."""
_SAME = 0.6
"""So many of the letters that are sure are of words that the other line has there, too."""

_UNSURE = 75.0
"""Mean confidence of a line below which at most a quarter of such are right."""

_Word = tuple[str, Box]
_Place = tuple[int, int]
"""The number of a segment, and that of a line of it."""


def once(read: Sequence[Read]) -> list[Read]:
    """The segments without those of their lines that others say as well, of the same print."""
    lines = [
        ((number, count), line, on_page(segment, around_words(line.words)))
        for number, (segment, text) in enumerate(read)
        for count, line in enumerate(text.lines)
        if line.words
    ]
    gone: set[_Place] = set()
    needed: set[_Place] = set()
    for one, two in in_one_place([box for _, _, box in lines], _SHARED):
        (place, line, _), (other_place, other, _) = lines[one], lines[two]
        if gone & {place, other_place}:
            continue
        said, other_said = _sure_words(read[place[0]], line), _sure_words(read[other_place[0]], other)
        is_said, other_is_said = _is_said_by(said, other_said), _is_said_by(other_said, said)
        sure, other_sure = confidence([line]), confidence([other])
        if not is_said and not other_is_said:
            is_said = sure < min(_UNSURE, other_sure) and _stand_on(said, other_said)
            other_is_said = other_sure < min(_UNSURE, sure) and _stand_on(other_said, said)
        if is_said and (not other_is_said or sure < other_sure):
            goes, stays = place, other_place
        elif other_is_said:
            goes, stays = other_place, place
        else:
            continue
        # What stands for another line stays itself.
        if goes not in needed:
            gone.add(goes)
            needed.add(stays)
    return list(_without(read, gone)) if gone else list(read)


def _sure_words(one: Read, line: RecognisedLine) -> list[_Word]:
    segment, _ = one
    return [
        (word.text.casefold(), on_page(segment, word.box))
        for word in line.words
        if word.confidence >= WORD_UNCERTAIN and letters(word.text)
    ]


def _is_said_by(words: Sequence[_Word], others: Sequence[_Word]) -> bool:
    """Whether words stand on others, and most of them are the same as those. Words that nothing is sure of are not."""
    if not _stand_on(words, others):
        return False
    total = sum(letters(said) for said, _ in words)
    same = sum(
        letters(said)
        for said, box in words
        if any(other == said and _on(box, place) >= _SHARED for other, place in others)
    )
    return same >= _SAME * total


def _stand_on(words: Sequence[_Word], others: Sequence[_Word]) -> bool:
    """Whether there are words, and each stands on others."""
    return bool(words) and all(sum(_on(box, place) for _, place in others) >= _SHARED for _, box in words)


def _on(box: Box, other: Box) -> float:
    """The share of a box that is on another one."""
    wide, high = min(box[2], other[2]) - max(box[0], other[0]), min(box[3], other[3]) - max(box[1], other[1])
    return max(0.0, wide) * max(0.0, high) / max(1.0, (box[2] - box[0]) * (box[3] - box[1]))


def _without(read: Sequence[Read], gone: set[_Place]) -> Iterator[Read]:
    for number, (segment, text) in enumerate(read):
        lines = tuple(line for count, line in enumerate(text.lines) if (number, count) not in gone)
        if lines or not text.lines:
            yield segment, replace(text, lines=lines)
