"""Stretches of speech joined into one window of the model, with the long pauses between them cut short.

A radio call of two seconds takes as long to encode as half a minute of speech, and tells the model less of what is
talked about. So what fits one window is read together, and its words get the times that they have in the sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pillion.kinds.transcript.whisper import SAMPLE_RATE, WINDOW_SECONDS, RecognisedWord, Span

_PAUSE_SECONDS = 1.0
"""What is left of a longer pause between two stretches: half of it from its start, half from its end."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Stretches of speech, in order, that are read together; often a single one."""

    stretches: tuple[Span, ...]

    @property
    def pieces(self) -> tuple[Span, ...]:
        """The parts of the sound that are read: each stretch, with what is left of the pauses around it."""
        pauses = [after.start - before.end for before, after in zip(self.stretches, self.stretches[1:], strict=False)]
        kept = [0.0, *(min(pause, _PAUSE_SECONDS) / 2 for pause in pauses), 0.0]
        return tuple(
            Span(stretch.start - before, stretch.end + after)
            for stretch, before, after in zip(self.stretches, kept, kept[1:], strict=False)
        )

    @property
    def seconds(self) -> float:
        """How long it is to the model."""
        return sum(piece.end - piece.start for piece in self.pieces)

    def sound(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the model hears of ``samples`` (mono, 16 kHz)."""
        parts = [samples[round(piece.start * SAMPLE_RATE) : round(piece.end * SAMPLE_RATE)] for piece in self.pieces]
        return np.concatenate(parts)

    def heard_at(self, number: int, time: float) -> float:
        """When the model hears a moment of that stretch, in seconds."""
        pieces = self.pieces
        return sum(piece.end - piece.start for piece in pieces[:number]) + time - pieces[number].start

    def placed(self, words: Sequence[RecognisedWord]) -> list[list[RecognisedWord]]:
        """Words with times in what the model hears, stretch by stretch, with their times in the sound.

        A word belongs where its middle is, for the model tends to draw it over a pause.
        """
        ends = np.cumsum([piece.end - piece.start for piece in self.pieces])
        found: list[list[RecognisedWord]] = [[] for _ in self.pieces]
        for word in words:
            place = min(int(np.searchsorted(ends, (word.start + word.end) / 2)), len(found) - 1)
            piece = self.pieces[place]
            later = piece.end - float(ends[place])
            start, end = (min(max(time + later, piece.start), piece.end) for time in (word.start, word.end))
            found[place].append(replace(word, start=start, end=end))
        return found


def joined(stretches: Sequence[Span]) -> list[Joined]:
    """All that fit one window together, in order."""
    found: list[Joined] = []
    for stretch in stretches:
        longer = Joined((*found[-1].stretches, stretch)) if found else None
        if longer is not None and longer.seconds <= WINDOW_SECONDS:
            found[-1] = longer
        else:
            found.append(Joined((stretch,)))
    return found
