"""A worker's target that hears nothing but numbers: short windows, and a stand-in for Whisper that may be killed.

Everything else (decoding, windows, checkpoints, the worker, the queue) is the real thing. The environment variable
``PILLION_TEST_LOG`` names a folder, in which ``heard`` gets a line for each window that is begun, and
``PILLION_TEST_DEATHS`` says at which of these, counted over all processes, the worker dies: ``2 4``, or ``3+`` for
every one from the third on. Run as a program, it works the queue of the library it is given, or with the address of a
server and a file with a token what that lends, until it is stopped. As a preload of a Dask worker it becomes what jobs
run there.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion.kinds import execute as real
from pillion.kinds.execute import Execution, ExecutionTask
from pillion.kinds.transcript import long_sound, transcribe, whisper
from pillion.library import Library
from pillion.queue import work
from pillion.remote import worker as remote

if TYPE_CHECKING:
    import pytest

LOG = "PILLION_TEST_LOG"
DEATHS = "PILLION_TEST_DEATHS"
TARGET = "tests.support.hearing:execute"
MODULE = "tests.support.hearing"
WINDOW_SECONDS = 10
"""Of sound that is worked on at a time, instead of minutes."""
SECONDS = 62
"""Of the sound that is long beside these."""


def write_sound(path: Path, *, seed: int) -> Path:
    """A minute in which every window sounds different; its folder is made."""
    from tests.support import media

    loudness = np.repeat(np.linspace(2000, 20_000, SECONDS), whisper.SAMPLE_RATE)
    noise = np.random.default_rng(seed).uniform(-1, 1, len(loudness)) * loudness
    path.parent.mkdir()
    return media.write_wav(path, noise.astype(np.int16), whisper.SAMPLE_RATE)


def hear_in_this_process(patch: pytest.MonkeyPatch) -> None:
    """Short windows here, too, and what they say."""
    patch.setattr(transcribe, "_WINDOW_SECONDS", WINDOW_SECONDS)
    patch.setattr(transcribe, "_CUT_SECONDS", 2)
    patch.setattr(whisper, "speech", speech)
    patch.setattr(long_sound, "recognise", recognise)


def heard(folder: Path) -> list[int]:
    """The sums of the windows that were begun so far, in order."""
    path = folder / "heard"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def speech(samples: NDArray[np.float32]) -> list[whisper.Span]:
    """All of it."""
    return [whisper.Span(0.0, len(samples) / whisper.SAMPLE_RATE)]


def recognise(samples: NDArray[np.float32], spans: Sequence[whisper.Span], **_: Any) -> whisper.Recognised:
    """One word: a sum over the samples."""
    number = round(float(np.abs(samples).sum()))
    _begin(number)
    word = whisper.RecognisedWord(f" {number}.", 0.1, 0.9, 0.5)
    segment = whisper.RecognisedSegment(word.text, 0.0, 1.0, -0.1, (word,))
    return whisper.Recognised("en", 0.9, (segment,))


def _begin(number: int) -> None:
    if LOG not in os.environ:
        return
    folder = Path(os.environ[LOG])
    with open(folder / "heard", "a", encoding="utf-8") as file:
        file.write(f"{number}\n")
    count = len(heard(folder))
    for death in os.environ.get(DEATHS, "").split():
        at = int(death.rstrip("+"))
        if count == at or (death.endswith("+") and count > at):
            os.kill(os.getpid(), signal.SIGKILL)


def stand_in() -> None:
    """Put the stand-ins in their places, in this process."""
    transcribe._WINDOW_SECONDS = WINDOW_SECONDS
    transcribe._CUT_SECONDS = 2
    whisper.speech = speech
    long_sound.recognise = recognise


def execute(task: ExecutionTask) -> Execution:
    """The worker's target."""
    stand_in()
    return real.execute(task)


def dask_setup(_worker: object) -> None:
    """Called by a Dask worker that was started with ``--preload`` of this module."""
    work.TARGET = TARGET


if __name__ == "__main__":
    work.TARGET = TARGET
    if sys.argv[1].startswith("http"):
        remote.work(sys.argv[1], Path(sys.argv[2]), stay=True)
    else:
        with Library.open(Path(sys.argv[1])) as opened:
            opened.run()
