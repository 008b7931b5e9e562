"""Section ``photos``: photographs with known text and without text, beside Tesseract and rapidocr with its defaults.

Each picture goes through every tool in turn, in this process, with its engine already loaded. A word is found if a word
of the result is similar (a ratio of 80 or more, ignoring case). Invented: any letters or digits in the result where
there is no text. pytesseract and rapidocr are called with their defaults, on the whole picture.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

from benches.text import photo_media, tesseract
from benches.text.photo_scenes import WITH_TEXT, WITHOUT_TEXT, Scene, made
from benches.text.report import Options, Report, at_least, at_most, table

ALIKE = 80.0
SECONDS = 1.5
RECALL = 95.0

Read = Callable[[Path], str]


@dataclass(slots=True)
class Found:
    """What one tool gave. ``words``: found and wanted; ``invented``: pictures without text in which it saw some."""

    seconds: list[float] = field(default_factory=list)
    bare_seconds: list[float] = field(default_factory=list)
    found: int = 0
    wanted: int = 0
    pictures: int = 0
    invented: int = 0

    @property
    def recall(self) -> float:
        """Percent of the words."""
        return 100 * self.found / max(1, self.wanted)

    def figures(self) -> dict[str, Any]:
        """For the JSON."""
        both = [*self.seconds, *self.bare_seconds]
        return {
            "recall": self.recall,
            "pictures_with_all_words": self.pictures,
            "invented_in": self.invented,
            "median_seconds": statistics.median(both),
            "median_seconds_bare": statistics.median(self.bare_seconds),
            "max_seconds": max(both),
        }


def run(options: Options) -> Report:
    """All pictures through all tools. ``quick``: every eighth."""
    backgrounds, fonts = photo_media.photographs(options.cache), photo_media.fonts(options.cache)
    folder = options.cache / "text-photos-made"
    step = 8 if options.quick else 1
    shown = list(zip(WITH_TEXT, made(WITH_TEXT, backgrounds, fonts, folder), strict=True))
    shown += zip(WITHOUT_TEXT, made(WITHOUT_TEXT, backgrounds, fonts, folder, first_seed=3), strict=True)
    tools = _tools(options)
    results = {name: Found() for name in tools}
    for read in tools.values():
        read(shown[0][1])
    rows = [_measure(scene, path, tools, results) for scene, path in shown[::step]]
    ours = results["pillion"]
    return Report(
        lines=_lines(results),
        goals=[
            at_least("words found in photographs that have text", ours.recall, RECALL, " %", 1),
            at_most("photographs without text in which some is seen", ours.invented, 0, "", 0),
            at_most("slowest photograph", max([*ours.seconds, *ours.bare_seconds]), SECONDS, " s"),
        ],
        figures={"tools": {name: found.figures() for name, found in results.items()}, "pictures": rows},
    )


def _tools(options: Options) -> dict[str, Read]:
    tesseract.prepare(options.cache)
    return {"pillion": _pillion, "pytesseract": _pytesseract, "rapidocr": _rapidocr()}


def _pillion(path: Path) -> str:
    import pillion

    return pillion.ocr(path).text


def _pytesseract(path: Path) -> str:
    import pytesseract
    from PIL import Image

    with Image.open(path) as picture:
        return str(pytesseract.image_to_string(picture))


def _rapidocr() -> Read:
    from rapidocr import RapidOCR

    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    engine = RapidOCR(params={"Global.log_level": "error"})

    def read(path: Path) -> str:
        return "\n".join(getattr(engine(str(path)), "txts", None) or ())

    return read


def _measure(scene: Scene, path: Path, tools: dict[str, Read], results: dict[str, Found]) -> dict[str, Any]:
    row: dict[str, Any] = {"picture": scene.name, "tools": {}}
    for name, read in tools.items():
        start = time.perf_counter()
        text = read(path)
        seconds = time.perf_counter() - start
        found = found_of(scene.words, text)
        _count(results[name], scene, text, found, seconds)
        row["tools"][name] = {"seconds": seconds, "found": found, "text": text}
    told = "  ".join(f"{name} {answer['found']} {answer['seconds']:.2f} s" for name, answer in row["tools"].items())
    print(f"{scene.name:<12} of {len(scene.words)} words: {told}", flush=True)
    return row


def _count(result: Found, scene: Scene, text: str, found: int, seconds: float) -> None:
    if scene.words:
        result.seconds.append(seconds)
        result.found += found
        result.wanted += len(scene.words)
        result.pictures += found == len(scene.words)
    else:
        result.bare_seconds.append(seconds)
        result.invented += any(character.isalnum() for character in text)


def found_of(wanted: Sequence[str], text: str) -> int:
    """How many of the words are in the text; each word of the text stands for one only."""
    there = [word.casefold() for word in text.split()]
    found = 0
    for word in wanted:
        best = max(there, key=lambda other: fuzz.ratio(word.casefold(), other), default=None)
        if best is not None and fuzz.ratio(word.casefold(), best) >= ALIKE:
            there.remove(best)
            found += 1
    return found


def _lines(results: dict[str, Found]) -> list[str]:
    head = ["tool", "words found", "pictures whole", "invented in", "median s", "bare, median s", "max s"]
    rows = []
    for name, found in results.items():
        figures = found.figures()
        rows.append(
            [
                name,
                f"{found.recall:.1f} %",
                f"{found.pictures} of {len(found.seconds)}",
                f"{found.invented} of {len(found.bare_seconds)}",
                *(f"{figures[key]:.2f}" for key in ("median_seconds", "median_seconds_bare", "max_seconds")),
            ]
        )
    return ["", *table(head, rows)]
