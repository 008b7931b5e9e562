"""The text layer of a PDF: whether it is real text, and its lines beside those recognised on its pictures."""

from __future__ import annotations

import functools
import itertools
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pillion.kinds.ocr.result import OcrLine, OcrWord
from pillion.readers.pdf.annotations import Remark
from pillion.readers.pdf.text import Box, TextLayer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np

MIN_CHARACTERS = 16
"""With fewer there is a stamp or a page number, not the page's text."""

_JUDGED = 6000
"""Characters of a page that are judged."""
_MAX_BAD = 0.1
_MAX_SIGNS = 0.4
_MAX_CODES = 0.2
_MAX_MOJIBAKE = 0.03
_MAX_MIXED = 0.25
_MIN_WORDS = 8

_MIN_PAIRS = 120
_MIN_TURNS = 0.6

_VOWELS = frozenset("aeiouyæœøıаеёиоуыэюяіїєαεηιουω")
_PLAIN_SIGNS = frozenset(".,;:!?'\"()[]-–—/%&*+=<>#@_|€$£§°·•…‘’“”„«»©®™×~^\\{}`´")
_GLYPH_CODE = re.compile(r"\(cid:\d+\)|/g\d+\b|\bg\d{2,4}\b")
_REAL_WORD = re.compile(r"[^\W\d_]{2,}")
_LONG_WORD = 4
_MOJIBAKE = re.compile(r"[ÂÃÐÑâ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")
_CLEAN_WORD = re.compile(
    r"[\"'“„«(\[‘]*"
    r"(?:[^\W\d_]+(?:['’\-][^\W\d_]+)*|[^\W\d_]?[\d.,:/%\-+€$£]*\d[\d.,:/%]*)"
    r"[.,;:!?)\]\"'”»’…-]*"
)
_MIN_CLEAN = 0.8
_VIETNAMESE = re.compile(r"[\u1ea0-\u1eff\u01a0\u01a1\u01af\u01b0]")


def is_text(text: str) -> bool:
    """Whether ``text``, of one page, can have been meant to be read: also when it is short, or all numbers."""
    text = text[:_JUDGED]
    counts = Counter("".join(text.split()))
    total = sum(counts.values())
    if total == 0:
        return False
    if sum(count for character, count in counts.items() if _is_bad(character)) > _MAX_BAD * total:
        return False
    if total >= MIN_CHARACTERS and _signs(counts) > _MAX_SIGNS * total:
        return False
    if sum(len(found) for found in _GLYPH_CODE.findall(text)) > _MAX_CODES * total:
        return False
    if 2 * len(_MOJIBAKE.findall(text)) > _MAX_MOJIBAKE * total and total >= MIN_CHARACTERS:
        return False
    words = _REAL_WORD.findall(text)
    return not _mixes_scripts(words) and takes_turns(words)


def is_well_read(text: str) -> bool:
    """Whether text that a program read off a picture is worth keeping: most of it is clean words and numbers."""
    words = text[:_JUDGED].split()
    clean = sum(len(word) for word in words if _CLEAN_WORD.fullmatch(word))
    return len("".join(words)) >= 4 * MIN_CHARACTERS and clean >= _MIN_CLEAN * sum(map(len, words))


@functools.lru_cache(maxsize=4096)
def _is_bad(character: str) -> bool:
    """No text has it: unassigned, private, control characters, and the sign for what could not be decoded."""
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Co", "Cn", "Cs")


def _signs(counts: Counter[str]) -> int:
    """Characters that are neither letters nor digits nor ordinary punctuation."""
    return sum(
        count
        for character, count in counts.items()
        if not (character.isalnum() or character in _PLAIN_SIGNS or unicodedata.combining(character))
        and unicodedata.category(character)[0] in "SP"
    )


def _mixes_scripts(words: list[str]) -> bool:
    """Whether many words have letters of several alphabets in them, as from a wrong table of letters."""
    if len(words) < _MIN_WORDS:
        return False
    mixed = sum(len({*map(_script, word)} - {""}) > 1 for word in words if not word.isascii())
    return mixed > _MAX_MIXED * len(words)


_TOGETHER = {"CJK": "East Asian", "HIRAGANA": "East Asian", "KATAKANA": "East Asian", "HANGUL": "East Asian"}


@functools.lru_cache(maxsize=8192)
def _script(character: str) -> str:
    """The first word of a letter's Unicode name, which is its script; empty for what is used with any."""
    name = unicodedata.name(character, "").split(" ")[0].split("-")[0]
    return "" if name in ("MODIFIER", "FEMININE", "MASCULINE", "MICRO", "COMBINING") else _TOGETHER.get(name, name)


def takes_turns(words: list[str]) -> bool:
    """Whether vowels and consonants take turns as they do in language; True where there are too few to tell.

    The measure is P(vowel after a consonant) - P(vowel after a vowel), after B. V. Sukhotin, who found vowels by it
    (1962), and the share of vowels added to it: 0.85 to 1.2 together in twelve languages, 0.0 to 0.55 where their
    letters were exchanged. Vietnamese, whose vowels stand side by side, is not judged.
    """
    judged = (word.casefold() for word in words if len(word) >= _LONG_WORD and not _VIETNAMESE.search(word))
    kinds = " ".join(judged).translate(_KINDS)
    pairs = Counter(itertools.pairwise(kinds))
    after_consonant = pairs["c", "v"] + pairs["c", "c"]
    after_vowel = pairs["v", "v"] + pairs["v", "c"]
    total = after_consonant + after_vowel
    if total < _MIN_PAIRS:
        return True
    if not after_vowel or not after_consonant:
        return False
    turns = pairs["c", "v"] / after_consonant - pairs["v", "v"] / after_vowel
    return turns + after_vowel / total >= _MIN_TURNS


class _Kinds(dict[int, str]):
    """For str.translate: a letter to ``v`` or ``c``; to a space where its script has no letters for vowels."""

    def __missing__(self, code: int) -> str:
        base = unicodedata.normalize("NFD", chr(code))[0]
        kind = " "
        if _script(base) in ("LATIN", "CYRILLIC", "GREEK"):
            kind = "v" if base in _VOWELS else "c"
        self[code] = kind
        return kind


_KINDS = _Kinds()


# lines and words ------------------------------------------------------------------------------------------------------


# PDFium joins a line that ends with a hyphen to the next one, and marks that hyphen with a control character or a
# non-character. What has no code is zero.
_LINE = re.compile("[^\r\n\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")
_WORD = re.compile(r"\S+")
_PLAIN = {0: None, 2: "-", 0xFFFE: "-"}

_GAP = 0.5
_MORE_GAP = 1.6


def lines_of(layer: TextLayer, size: tuple[float, float]) -> tuple[tuple[OcrLine, ...], int]:
    """The lines on a page of ``size``, in reading order, and by how many degrees clockwise to turn it to read them.

    What lies outside the page is left out, as it is not shown.
    """
    spans = [
        [(line.start() + word.start(), line.start() + word.end()) for word in _WORD.finditer(line.group())]
        for line in _LINE.finditer(layer.text)
    ]
    lines = []
    for line in spans:
        words = []
        for start, end in line:
            ends = [layer.boxes[index] for index in (start, end - 1) if index in layer.boxes]
            box = around(ends) if ends else None
            text = layer.text[start:end].translate(_PLAIN)
            if text and box is not None and _is_within(box, size):
                words.append(OcrWord(text=text, confidence=None, box=box))
        if words:
            lines.append(_line(words))
    turned = _turned(lines)
    return _with_paragraphs(_from_the_top(lines, turned), turned), (360 - turned) % 360


def _is_within(box: Box, size: tuple[float, float]) -> bool:
    return 0 <= (box[0] + box[2]) / 2 <= size[0] and 0 <= (box[1] + box[3]) / 2 <= size[1]


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all ``boxes``."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _line(words: Sequence[OcrWord], *, paragraph: bool = False) -> OcrLine:
    text = " ".join(word.text for word in words)
    return OcrLine(text=text, words=tuple(words), box=around([word.box for word in words]), paragraph=paragraph)


def _with_paragraphs(lines: Sequence[OcrLine], turned: int) -> tuple[OcrLine, ...]:
    """A paragraph begins where there is more room above than is usual on the page, and where a column begins."""
    boxes = [_upright(line.box, turned) for line in lines if line.box is not None]
    gaps = [below[1] - above[3] for above, below in itertools.pairwise(boxes)]
    usual = statistics.median(gaps) if gaps else 0.0
    begins = [True]
    for (above, below), gap in zip(itertools.pairwise(boxes), gaps, strict=True):
        height = above[3] - above[1]
        begins.append(gap > max(_GAP * height, _MORE_GAP * usual) or below[1] < above[1] - height)
    return tuple(replace(line, paragraph=True) if first else line for line, first in zip(lines, begins, strict=False))


def _turned(lines: Sequence[OcrLine]) -> int:
    """By how many degrees clockwise the text stands on its side: 0, 90 (lines run downwards) or 270."""
    across = down = 0.0
    for line in lines:
        first, last = line.words[0].box, line.words[-1].box
        across += abs(last[0] + last[2] - first[0] - first[2])
        down += last[1] + last[3] - first[1] - first[3]
    return 0 if abs(down) <= across else 90 if down > 0 else 270


def _upright(box: Box, turned: int) -> Box:
    """The box as it would lie if the page were turned so that the text stands upright; the origin does not matter."""
    left, top, right, bottom = box
    return {0: box, 90: (top, -right, bottom, -left), 270: (-bottom, left, -top, right)}[turned]


def _from_the_top(lines: Sequence[OcrLine], turned: int) -> Sequence[OcrLine]:
    """PDFium gives text that stands on its side from the left of the page, which may be its end."""
    if turned == 0:
        return lines
    tops = [_upright(line.box, turned)[1] for line in lines if line.box is not None]
    down = sum(below > above for above, below in itertools.pairwise(tops))
    return lines if 2 * down >= len(tops) - 1 else lines[::-1]


def merged_lines(layer: Sequence[OcrLine], recognised: Sequence[OcrLine]) -> tuple[OcrLine, ...]:
    """What was recognised on pictures of the page among the lines of its text layer, nothing twice.

    A recognised line comes before the first line of the layer that lies below it and beside no other column.
    """
    is_new = iter(_outside(_word_boxes(layer), _word_boxes(recognised)))
    places: list[list[OcrLine]] = [[] for _ in range(len(layer) + 1)]
    for line in recognised:
        words = [word for word in line.words if next(is_new)]
        if words:
            kept = line if len(words) == len(line.words) else _line(words, paragraph=line.paragraph)
            places[_place(layer, kept)].append(kept)
    result: list[OcrLine] = []
    for index, here in enumerate(places):
        result += here
        result += layer[index : index + 1]
    return tuple(result)


def new_lines(before: Sequence[OcrLine], after: Sequence[OcrLine]) -> list[OcrLine]:
    """The lines of words that were not on the page before; each is a paragraph."""
    old = Counter(_spot(word) for line in before for word in line.words)
    found: list[OcrLine] = []
    for line in after:
        words: list[OcrWord] = []
        for word in line.words:
            if old[_spot(word)]:
                old[_spot(word)] -= 1
            else:
                words.append(word)
        # PDFium joins what annotations far from each other say.
        start = 0
        for index in range(1, len(words) + 1):
            if index == len(words) or not _side_by_side(words[index - 1], words[index]):
                found += [_line(words[start:index], paragraph=line.paragraph)] if index > start else []
                start = index
    return found


def _side_by_side(first: OcrWord, second: OcrWord) -> bool:
    """Whether two words are neighbours in a line, upright or on its side."""
    boxes = [_upright(word.box, 90 if _on_its_side(first) and _on_its_side(second) else 0) for word in (first, second)]
    high = max(box[3] - box[1] for box in boxes)
    level = abs(boxes[0][1] + boxes[0][3] - boxes[1][1] - boxes[1][3]) < high
    return level and max(boxes[0][0], boxes[1][0]) - min(boxes[0][2], boxes[1][2]) < 2 * high


def _on_its_side(word: OcrWord) -> bool:
    return len(word.text) > 1 and word.box[3] - word.box[1] > word.box[2] - word.box[0]


def closed_up(lines: Sequence[OcrLine], combs: Sequence[Remark]) -> list[OcrLine]:
    """The lines with the values of fields that give each letter a space of its own written as one word."""
    result = list(lines)
    for comb in combs:
        inside = [word for line in result for word in line.words if _is_inside(word.box, comb.box)]
        if len(inside) > 1 and _squeezed("".join(word.text for word in inside)) == _squeezed(comb.text):
            kept = ([word for word in line.words if word not in inside] for line in result)
            value = OcrWord(text=comb.text, confidence=None, box=around([word.box for word in inside]))
            result = [*(_line(words) for words in kept if words), _line([value])]
    return result


def _is_inside(box: Box, outer: Box) -> bool:
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return outer[0] <= middle[0] <= outer[2] and outer[1] <= middle[1] <= outer[3]


def _spot(word: OcrWord) -> tuple[object, ...]:
    return word.text, *(round(side) for side in word.box)


def remark_lines(remarks: Sequence[Remark], known: str) -> list[OcrLine]:
    """The lines of remarks whose text is not yet known; their words have the box of the remark."""
    seen = _squeezed(known)
    found: list[OcrLine] = []
    for remark in remarks:
        text = _squeezed(remark.text)
        if text and text not in seen:
            seen += text
            for line in remark.text.splitlines():
                if line.strip():
                    words = [OcrWord(text=word, confidence=None, box=remark.box) for word in line.split()]
                    found.append(_line(words))
    return found


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


def with_lines(lines: Sequence[OcrLine], typed: Sequence[OcrLine]) -> tuple[OcrLine, ...]:
    """The lines of a page with what was typed onto it, at its place: after what stands left of it, or above it."""
    result = list(lines)
    for line in sorted(typed, key=lambda line: line.box[0] if line.box else 0.0):
        beside = _beside(result, line)
        if beside is None:
            result.insert(_place(result, line), line)
        else:
            result.insert(beside + 1, replace(line, paragraph=False))
    return tuple(result)


def _beside(lines: Sequence[OcrLine], line: OcrLine) -> int | None:
    """The line that begins nearest before this one in its row, such as the label of a field."""
    assert line.box is not None
    left, top, _, bottom = line.box
    middle = (top + bottom) / 2
    found = [
        (other.box[0], index)
        for index, other in enumerate(lines)
        if other.box is not None and other.box[1] <= middle <= other.box[3] and other.box[0] < left
    ]
    return max(found)[1] if found else None


def _word_boxes(lines: Sequence[OcrLine]) -> NDArray[np.float64]:
    return np.array([word.box for line in lines for word in line.words], np.float64).reshape(-1, 4)


def _outside(taken: NDArray[np.float64], boxes: NDArray[np.float64]) -> list[bool]:
    """For each of ``boxes``, whether its middle lies in none of those ``taken``."""
    outside: list[bool] = []
    # Some at a time: all pairs of a page full of small print would take much memory.
    for start in range(0, len(boxes), 64):
        some = boxes[start : start + 64, None]
        middles = (some[..., :2] + some[..., 2:]) / 2
        inside = np.all((taken[:, :2] <= middles) & (middles <= taken[:, 2:]), axis=2)
        outside += np.logical_not(np.any(inside, axis=1)).tolist()
    return outside


def _place(layer: Sequence[OcrLine], line: OcrLine) -> int:
    """Before which line of the layer a line belongs."""
    assert line.box is not None
    left, top, right, bottom = line.box
    middle = (top + bottom) / 2
    after = 0
    for index, other in enumerate(layer):
        if other.box is None or other.box[2] <= left or other.box[0] >= right:
            continue
        if (other.box[1] + other.box[3]) / 2 > middle:
            return index
        after = index + 1
    return after or next(
        (index for index, other in enumerate(layer) if other.box is not None and other.box[1] > middle), len(layer)
    )
