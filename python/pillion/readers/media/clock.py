"""The clock of a media file: where its sound is, by its time stamps.

Sound is read as a stream without its holes, so that a hole of hours costs nothing. The clock says when a place of that
stream is heard in the file, counted from the start of the file as players show it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

JUMP_S = 0.1
"""Stamps that differ by less from what the sound before them says are rounding, or a drift."""
_SUDDEN_S = 0.05
_JOINED_S = 10.0
"""A clock set back by more was started anew, as in a recording joined from several: players go on counting then."""
_LONGEST_HOLE_S = 86_400.0
_SAME_CLOCK_S = 1.0


class Clock:
    """Places in a stream of sound and the times at which the file plays them, both in seconds."""

    def __init__(self) -> None:
        self._places: list[float] = []
        self._times: list[float] = []

    def set(self, place: float, time: float) -> None:
        """From ``place`` on, which is not before that of an earlier call, the file's clock goes on from ``time``."""
        self._places.append(place)
        self._times.append(time)

    def time(self, place: float) -> float:
        """When the file plays what is at ``place``; never before its start."""
        index = max(0, bisect.bisect_right(self._places, place) - 1)
        if not self._places:
            return place
        return max(0.0, self._times[index] + place - self._places[index])


@dataclass(frozen=True, slots=True)
class Stamp:
    """The time stamp of a piece of sound, in seconds since the start of the file (None: it has none), and its length.

    All pieces of a track follow each other in the file.
    """

    time: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Jump:
    """The clock jumps to ``time`` before a piece of sound; ``hole`` seconds have no sound (0: none are missing)."""

    time: float
    hole: float


def jumps(stamps: Iterable[Stamp], *, length: float | None) -> Iterator[Jump | None]:
    """For each piece of sound, the jump before it; the first one always has one.

    A stamp is believed only if the next one goes on from it, because damaged files have single wrong ones. A jump
    forward beyond the file's ``length`` (seconds, if known), and one far back, is a clock that was started anew: time
    goes on. A small jump back means pieces that overlap: they are at the times that the file gives.
    """
    limit = _LONGEST_HOLE_S if length is None else length + _JOINED_S
    expected: float | None = None
    shift = 0.0
    ended = 0.0
    for stamp, following in _with_next(stamps):
        jump = None
        if expected is None:
            expected = _first(stamp, following)
            if not -_JOINED_S <= expected <= limit:
                shift, expected = -expected, 0.0
            jump = Jump(expected, 0.0)
        elif stamp.time is not None and abs(stamp.time + shift - expected) >= JUMP_S and _goes_on(stamp, following):
            if shift and abs(stamp.time - expected) < _SAME_CLOCK_S:
                shift = 0.0
            time = stamp.time + shift
            gap = time - expected
            if gap < -_JOINED_S or gap > _LONGEST_HOLE_S or time > limit:
                shift -= gap
            else:
                jump = Jump(time, gap if gap > 0 and time - ended > _SUDDEN_S else 0.0)
                expected = time
        expected += stamp.seconds
        ended = expected if stamp.time is None else stamp.time + shift + stamp.seconds
        yield jump


def _first(stamp: Stamp, following: Stamp | None) -> float:
    if stamp.time is None:
        return 0.0
    if following is None or following.time is None or _goes_on(stamp, following):
        return stamp.time
    return following.time - stamp.seconds


def _goes_on(stamp: Stamp, following: Stamp | None) -> bool:
    if stamp.time is None or following is None or following.time is None:
        return True
    return abs(stamp.time + stamp.seconds - following.time) < JUMP_S


def _with_next(stamps: Iterable[Stamp]) -> Iterator[tuple[Stamp, Stamp | None]]:
    """Each with the one after it."""
    held: Stamp | None = None
    for stamp in stamps:
        if held is not None:
            yield held, stamp
        held = stamp
    if held is not None:
        yield held, None
