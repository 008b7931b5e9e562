"""Several ``pillion work`` on one library, with counts of what they did together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pillion.failpoints import DIRECTORY_VARIABLE, RULES_VARIABLE
from pillion.library import Library
from tests.support.kills import write_picture
from tests.support.program import Process, begin
from tests.support.waiting import PATIENCE_S


@dataclass
class Crowd:
    """A library with a queue of ``number`` jobs, and the programs that work on it."""

    root: Path
    number: int
    programs: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "photos").mkdir()
        self.points.mkdir()
        for seed in range(self.number):
            write_picture(self.root / "photos" / f"{seed}.jpg", seed)
        with Library.open(self.library, policy="mobile") as opened:
            assert opened.index(self.root / "photos").queued == self.number

    @property
    def library(self) -> Path:
        """The library's folder."""
        return self.root / "library"

    @property
    def points(self) -> Path:
        """Where the failpoints are counted, for all programs together."""
        return self.root / "points"

    def start(self, environment: Mapping[str, str] | None = None, rules: str = "") -> Process:
        """Start one more ``pillion work``."""
        whole = {**os.environ, DIRECTORY_VARIABLE: str(self.points), RULES_VARIABLE: rules, **(environment or {})}
        with open(self._errors_of(len(self.programs)), "wb") as errors:
            process = begin(["work", "--library", str(self.library)], whole, errors, errors)
        self.programs.append(process)
        return process

    def _errors_of(self, number: int) -> Path:
        return self.root / f"output-{number}"

    def reached(self, point: str) -> int:
        """How many times a failpoint was reached."""
        path = self.points / point
        return path.stat().st_size if path.exists() else 0

    def wait(self) -> None:
        """Wait for all programs. Each ends well and tells its user of no error."""
        for number, process in enumerate(self.programs):
            code = process.wait(PATIENCE_S * 10)
            said = self._errors_of(number).read_text(errors="replace")
            assert code == 0, said
            assert not any(word in said for word in ("locked", "Traceback", "pillion:")), said

    def kill(self) -> None:
        """End what still runs."""
        for process in self.programs:
            process.kill()
            process.wait()
