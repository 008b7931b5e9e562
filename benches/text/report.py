"""What a section of ``make bench-text`` is given and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to measure. ``quick``: little of everything, once: does it run? ``cache``: for peers, media and data.

    ``pages``: folders of real pages, and ``peers``: more tools for them, see benches/text/real_pages.py.
    ``voices``: folders of recordings, see benches/text/voices.py.
    """

    quick: bool
    cache: Path
    pages: tuple[Path, ...] = ()
    voices: tuple[Path, ...] = ()
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One thing that should be so. ``found`` says what was measured, and where it is missed by how much."""

    text: str
    found: str
    met: bool

    def __str__(self) -> str:
        return f"{'met' if self.met else 'MISSED':<8}{self.text}: {self.found}"


@dataclass(kw_only=True)
class Report:
    """What a section found: lines to print, goals, and the figures as they go into the JSON."""

    lines: list[str] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


def at_most(text: str, value: float, limit: float, unit: str = "", digits: int = 2) -> Goal:
    """The goal that ``value`` is no larger than ``limit``."""
    return _compared(text, value, limit, value - limit, unit, digits)


def at_least(text: str, value: float, limit: float, unit: str = "", digits: int = 2) -> Goal:
    """The goal that ``value`` is no smaller than ``limit``."""
    return _compared(text, value, limit, limit - value, unit, digits)


def _compared(text: str, value: float, limit: float, short: float, unit: str, digits: int) -> Goal:
    by = f", missed by {short:.{digits}f}{unit}" if short > 0 else ""
    return Goal(text=text, found=f"{value:.{digits}f}{unit}, goal {limit:g}{unit}{by}", met=short <= 0)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in cells).rstrip()
        for cells in (list(enumerate(zip(row, widths, strict=True))) for row in (head, *rows))
    ]
