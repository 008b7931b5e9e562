"""How long sidecars will take and how large they will be, from what was measured before. Pure: no I/O, no clock.

The first guesses of the kind stand in until something of that kind, variant and class of file has been made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pillion.kinds import registry
from pillion.kinds.spec import MIB, FirstGuess
from pillion.model import MediaClass, SidecarKind


class Sums(Protocol):
    """What was measured for a kind, variant and class; see :class:`pillion.catalog.history.Measured`."""

    @property
    def kind(self) -> SidecarKind: ...
    @property
    def variant(self) -> str: ...
    @property
    def media_class(self) -> MediaClass: ...
    @property
    def number(self) -> float: ...
    @property
    def seconds(self) -> float: ...
    @property
    def bytes(self) -> float: ...
    @property
    def source_bytes(self) -> float: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """``seconds``: of one worker. ``measured``: from history, not a first guess."""

    seconds: float
    bytes: float
    measured: bool


class Estimator:
    """Answers from the sums that it is given."""

    def __init__(self, history: Sequence[Sums]) -> None:
        self._history = {(sums.kind, sums.variant, sums.media_class): sums for sums in history if sums.number > 0}

    def estimate(
        self, kind: SidecarKind, variant: str, media_class: MediaClass, *, number: int, source_bytes: int
    ) -> Estimate:
        """For ``number`` sidecars of files that have ``source_bytes`` together."""
        sums = self._history.get((kind, variant, media_class))
        guess = registry.spec(kind).first_guess
        if sums is None:
            seconds = _first_seconds(guess, media_class, number, source_bytes)
            return Estimate(seconds=seconds, bytes=number * guess.bytes_of(variant), measured=False)
        if guess.by_size and sums.source_bytes > 0:
            seconds = sums.seconds / sums.source_bytes * source_bytes
        else:
            seconds = sums.seconds / sums.number * number
        return Estimate(seconds=seconds, bytes=sums.bytes / sums.number * number, measured=True)


def _first_seconds(guess: FirstGuess, media_class: MediaClass, number: int, source_bytes: int) -> float:
    if guess.by_size:
        return guess.seconds_of_mib(f"{media_class}/") * source_bytes / MIB
    return guess.seconds_of(media_class) * number
