"""SRT and WebVTT: a transcript cut into cues that can be read in time.

The limits are those common among broadcasters: two lines of 42 characters, one to seven seconds, and no overlap
(EBU-TT-D guidelines, BBC and Netflix subtitle guides).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pillion.kinds.spec import Origin
from pillion.kinds.transcript.result import TranscriptResult, TranscriptSegment

LINE_CELLS = 42
MAX_CELLS = 2 * LINE_CELLS
MAX_S = 7.0
MIN_S = 1.0
GAP_S = 0.08
"""Between two cues, if the first is shown longer than it is spoken: two frames at 25 a second."""
_PAUSE_S = 1.0

_ENDS = re.compile(r"[.!?…。！？]['\"”’»)]*$")
_CLAUSE_ENDS = re.compile(r"[,;:–—、，；：]['\"”’»)]*$")


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue: seconds from the start, and one or two lines."""

    start: float
    end: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    start: float
    end: float


def srt(result: TranscriptResult) -> str:
    """SubRip. It has no escapes, so ``-->`` in the text, which would be parsed as a time, is written as ``→``."""
    blocks = []
    for number, cue in enumerate(cues(result), 1):
        text = "\n".join(cue.lines).replace("-->", "→")
        blocks.append(f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{text}\n")
    return "\n".join(blocks)


def vtt(result: TranscriptResult) -> str:
    """WebVTT (W3C)."""
    blocks = ["WEBVTT\n"]
    for cue in cues(result):
        text = "\n".join(cue.lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{text}\n")
    return "\n".join(blocks)


def text(data: bytes, _origin: Origin) -> bytes:
    """A sidecar's text in UTF-8. Raises ItemError (corrupt), like the two below."""
    return f"{TranscriptResult.from_json(data).text}\n".encode()


def srt_export(data: bytes, _origin: Origin) -> bytes:
    """A sidecar as SubRip."""
    return srt(TranscriptResult.from_json(data)).encode()


def vtt_export(data: bytes, _origin: Origin) -> bytes:
    """A sidecar as WebVTT."""
    return vtt(TranscriptResult.from_json(data)).encode()


def _time(seconds: float, point: str) -> str:
    milliseconds = max(0, round(seconds * 1000))
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"


# pieces ---------------------------------------------------------------------------------------------------------------


def cues(result: TranscriptResult) -> list[Cue]:
    """All cues, in order of time, without overlap."""
    found = [
        Cue(piece.start, piece.end, broken(piece.text))
        for segment in result.segments
        for piece in _pieces(_words(segment))
        if piece.text
    ]
    found.sort(key=lambda cue: (cue.start, cue.end))
    return [_timed(cue, after) for cue, after in itertools.zip_longest(found, found[1:])]


def _timed(cue: Cue, after: Cue | None) -> Cue:
    """Long enough to be read if there is time, and ended before the next one starts."""
    end = max(cue.end, cue.start + MIN_S)
    if after is not None and end > after.start - GAP_S:
        end = min(max(cue.end, after.start - GAP_S), after.start)
    return replace(cue, end=max(end, cue.start + 0.001))


def _words(segment: TranscriptSegment) -> list[_Piece]:
    """The words as in the segment's text, each with the space before it; times are guessed if there are no words."""
    pieces: list[_Piece] = []
    at = 0
    for word in segment.words:
        found = segment.text.find(word.text.strip(), at)
        if found < 0 or not word.text.strip():
            return _guessed(segment)
        end = found + len(word.text.strip())
        pieces.append(_Piece(segment.text[at:end], word.start, word.end))
        at = end
    if not pieces:
        return _guessed(segment)
    pieces[-1] = replace(pieces[-1], text=pieces[-1].text + segment.text[at:])
    return pieces


def _guessed(segment: TranscriptSegment) -> list[_Piece]:
    """The words with times in proportion to their length."""
    parts = re.findall(r"\s*\S+", segment.text)
    if cells(segment.text) > LINE_CELLS * len(parts):
        parts = list(segment.text)  # written without spaces
    second = (segment.end - segment.start) / max(1, len("".join(parts)))
    pieces, start = [], segment.start
    for part in parts:
        pieces.append(_Piece(part, start, start + second * len(part)))
        start = pieces[-1].end
    return pieces


def _pieces(words: Sequence[_Piece]) -> Iterator[_Piece]:
    """Words joined up to the limits of length and time, or a pause; cut at the end of a sentence, if one is near."""
    waiting = list(words)
    while waiting:
        count = _fitting(waiting)
        if count < len(waiting):
            count = _best_cut(waiting, count)
        text = " ".join("".join(word.text for word in waiting[:count]).split())
        yield _Piece(text, waiting[0].start, max(waiting[count - 1].end, waiting[0].start))
        waiting = waiting[count:]


def _fitting(words: Sequence[_Piece]) -> int:
    """How many of the first words fit into one cue; at least one."""
    text = ""
    for count, word in enumerate(words):
        text += word.text
        paused = count > 0 and word.start - words[count - 1].end > _PAUSE_S
        if count > 0 and (paused or not _fits(text) or word.end - words[0].start > MAX_S):
            return count
    return len(words)


def _fits(text: str) -> bool:
    text = " ".join(text.split())
    return cells(text) <= MAX_CELLS and max(map(cells, broken(text))) <= LINE_CELLS


def _best_cut(words: Sequence[_Piece], most: int) -> int:
    """The last end of a sentence in the second half of the words that fit, else of a clause, else all that fit."""
    for ends in (_ENDS, _CLAUSE_ENDS):
        for count in range(most, max(0, most // 2), -1):
            if ends.search(words[count - 1].text.rstrip()):
                return count
    return most


# lines ----------------------------------------------------------------------------------------------------------------


def cells(text: str) -> int:
    """The width of a text: East Asian characters count twice."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def broken(text: str) -> tuple[str, ...]:
    """One line if the text fits, else two of similar length, broken between words (or characters, without spaces)."""
    if cells(text) <= LINE_CELLS:
        return (text,)
    breaks = [index for index, character in enumerate(text) if character == " "]
    if not breaks or min(abs(2 * cells(text[:index]) - cells(text)) for index in breaks) > LINE_CELLS:
        breaks = list(range(1, len(text)))
    best = min(breaks, key=lambda index: max(cells(text[:index]), cells(text[index:].lstrip())))
    return text[:best].rstrip(), text[best:].lstrip()
