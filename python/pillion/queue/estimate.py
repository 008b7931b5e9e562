"""How long sidecars will take and how large they will be, from what was measured before. Pure: no I/O, no clock.

The first guesses below stand in until something of that kind, variant and class of file has been made here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pillion.model import THUMB_SPECS, MediaClass, SidecarKind

MIB = 1024 * 1024

FIRST_SECONDS: Mapping[tuple[SidecarKind, MediaClass], float] = {
    (SidecarKind.THUMB, MediaClass.IMAGE): 0.03,
    (SidecarKind.THUMB, MediaClass.PDF): 0.1,
    (SidecarKind.THUMB, MediaClass.VIDEO): 0.2,
    (SidecarKind.OCR, MediaClass.IMAGE): 1.5,
    (SidecarKind.OCR, MediaClass.PDF): 2.0,
    (SidecarKind.EMBEDDINGS, MediaClass.TEXT): 0.1,
}
"""Seconds of a worker for one sidecar, where nothing is measured; what is not named: 0.1."""

FIRST_SECONDS_PER_MIB: Mapping[MediaClass, float] = {MediaClass.AUDIO: 8.0, MediaClass.VIDEO: 1.0}
"""The same for transcripts: seconds for each MiB of the source, for how long they take goes with the length."""

FIRST_BYTES: Mapping[SidecarKind, float] = {
    SidecarKind.OCR: 30_000.0,
    SidecarKind.TRANSCRIPT: 20_000.0,
    SidecarKind.EMBEDDINGS: 10_000.0,
}
FIRST_BYTES_PER_PIXEL = 0.11
"""Of a thumbnail that is as large as its variant allows and square."""


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
        if sums is None:
            seconds = _first_seconds(kind, media_class, number, source_bytes)
            return Estimate(seconds=seconds, bytes=number * _first_bytes(kind, variant), measured=False)
        if kind is SidecarKind.TRANSCRIPT and sums.source_bytes > 0:
            seconds = sums.seconds / sums.source_bytes * source_bytes
        else:
            seconds = sums.seconds / sums.number * number
        return Estimate(seconds=seconds, bytes=sums.bytes / sums.number * number, measured=True)


def _first_seconds(kind: SidecarKind, media_class: MediaClass, number: int, source_bytes: int) -> float:
    if kind is SidecarKind.TRANSCRIPT:
        return FIRST_SECONDS_PER_MIB.get(media_class, 1.0) * source_bytes / MIB
    return FIRST_SECONDS.get((kind, media_class), 0.1) * number


def _first_bytes(kind: SidecarKind, variant: str) -> float:
    if kind in FIRST_BYTES:
        return FIRST_BYTES[kind]
    return (
        FIRST_BYTES_PER_PIXEL * THUMB_SPECS[variant].max_side ** 2 if variant in THUMB_SPECS else FIRST_BYTES_PER_PIXEL
    )
