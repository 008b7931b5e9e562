"""The few measurements that CI gates: the three speed promises, and the start time of the program.

Each alternates between Pillion and one peer, a round of the peer before each of ours, so that a temporarily slow
machine slows both; the result is the median of the rounds' ratios. ``tools/gates.py`` (make gates) runs this file and
compares with ``benches/thresholds.toml``. pytest collects it only if it is named.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pillion
from benches.test_bench_thumbnail import with_pillion, with_pyvips
from benches.text.ocr_tools import Tesserocr
from pillion.kinds.ocr import models as ocr_models
from pillion.kinds.transcript import models
from tests.support import media, photos, speech

REPEATS_OF_SPEECH = 2
"""Half a minute: the length of one of Whisper's windows."""


def compare(benchmark: Any, ours: Callable[[], object], peer: Callable[[], object], rounds: int) -> None:
    """Time ``ours``, with a round of ``peer`` before each, after both ran once untimed (models are loaded, files read).

    The seconds of the peer's rounds are kept as ``extra_info["peer_seconds"]``, in the order of the rounds.
    """
    theirs: list[float] = []

    def time_peer() -> None:
        start = time.perf_counter()
        peer()
        theirs.append(time.perf_counter() - start)

    peer()
    ours()
    benchmark.pedantic(ours, setup=time_peer, rounds=rounds)
    benchmark.extra_info["peer_seconds"] = theirs


@pytest.mark.benchmark(group="thumbnail")
def test_thumbnail(benchmark: Any, photo_12mp: Path) -> None:
    """A 12-megapixel JPEG file to all variants of the desktop policy; the peer is pyvips."""
    assert len(with_pillion(photo_12mp)) == len(with_pyvips(photo_12mp))
    compare(benchmark, lambda: with_pillion(photo_12mp), lambda: with_pyvips(photo_12mp), rounds=25)


@pytest.mark.benchmark(group="ocr")
def test_ocr(benchmark: Any, page_300dpi: Path) -> None:
    """An A4 page of type at 300 dpi, a PNG file, to text; the peer is tesserocr with the same data, loaded once."""
    tesserocr = Tesserocr(ocr_models.language_folder(["eng"]))
    text = pillion.ocr(page_300dpi, languages=["eng"]).text
    assert media.character_error_rate(media.PAGE_TEXT, text) < 0.05
    compare(
        benchmark,
        lambda: pillion.ocr(page_300dpi, languages=["eng"]),
        lambda: tesserocr(page_300dpi, "eng"),
        rounds=7,
    )


@pytest.mark.benchmark(group="transcript")
def test_transcript(benchmark: Any, inputs: Path) -> None:
    """Half a minute of speech, a FLAC file, to text with word times; the peer is faster-whisper with our weights."""
    from faster_whisper import WhisperModel

    samples, rate = media.read_wav(speech.say(speech.SENTENCES["en"], "en", inputs / "said.wav"))
    path = media.write_audio(inputs / "said.flac", np.concatenate([samples] * REPEATS_OF_SPEECH), rate)
    said = " ".join([speech.SENTENCES["en"]] * REPEATS_OF_SPEECH)
    assert speech.word_error_rate(said, pillion.transcribe(path).text) < 0.15
    model = WhisperModel(str(models.found("base").path), device="cpu", compute_type="int8")

    def transcribe() -> None:
        segments, _ = model.transcribe(str(path), word_timestamps=True)
        assert list(segments)

    compare(benchmark, lambda: pillion.transcribe(path), transcribe, rounds=3)
    benchmark.extra_info["input_seconds"] = len(samples) * REPEATS_OF_SPEECH / rate


@pytest.fixture(scope="session")
def small_library(inputs: Path) -> Path:
    """A library of eight photographs with their thumbnails."""
    photos.write_many(inputs / "photos", 8, (640, 480))
    with pillion.Library.open(inputs / "library") as library:
        library.index(inputs / "photos", kinds=["thumb"])
        library.run()
        return library.root


def _runs(*arguments: str) -> Callable[[], object]:
    """Start this Python with these arguments and wait for its end. Raises CalledProcessError if it fails.

    Its modules are compiled once, as those of an installed package are, whatever this process was told of that.
    """
    command = [sys.executable, *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run(
        command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment
    )


START = {
    "start: pillion --help": ("-m", "pillion", "--help"),
    "start: pillion --version": ("-m", "pillion", "--version"),
    "start: import pillion": ("-c", "import pillion"),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.benchmark(group=name)) for name in START])
def test_start(benchmark: Any, name: str) -> None:
    """From the start of the interpreter to its end; the peer is an interpreter that does nothing."""
    compare(benchmark, _runs(*START[name]), _runs("-c", "pass"), rounds=15)


@pytest.mark.benchmark(group="start: pillion status")
def test_status(benchmark: Any, small_library: Path) -> None:
    """``pillion status`` on a small library; the peer is an interpreter that does nothing."""
    status = _runs("-m", "pillion", "status", "--library", str(small_library))
    compare(benchmark, status, _runs("-c", "pass"), rounds=15)
