"""Speech: long sound beside faster-whisper's batched pipeline, short clips beside faster-whisper one by one, and
sound without speech. The same weights (Whisper base, int8), beam 5, the same cores; alternating, in one run.

Both load their model before the timing starts. Pillion's clips are handled as in a worker: ``prepare`` for a whole
batch, then one by one, to sidecar JSON. The voice is espeak-ng's, which Whisper understands well in English only, so
only the difference counts. If ``../shared/corpus`` exists, both transcribe its recordings as well.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benches.text.memory import peak_of_hours
from benches.text.report import Goal, Options, Report, at_least, at_most, table
from pillion.kinds.transcript import models as weights
from pillion.kinds.transcript import transcribe, whisper
from tests.support import media, speech
from tests.support.clips import CLIPS

MODEL = "base"
BEAM = 5
_CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
_BATCH = 32
"""Clips that a worker gets at once."""


@dataclass(slots=True)
class Tool:
    """One way to turn a list of sound files into texts, and the seconds that its rounds took."""

    name: str
    hear: Callable[[Sequence[Path]], list[str]]
    seconds: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def turn(self, files: Sequence[Path]) -> None:
        start = time.perf_counter()
        self.texts = self.hear(files)
        self.seconds.append(time.perf_counter() - start)


def run(options: Options) -> Report:
    """Measure everything; see the module."""
    report = Report()
    media_folder = options.cache / "speech"
    media_folder.mkdir(parents=True, exist_ok=True)
    _long(report, media_folder, options.quick)
    _clips(report, media_folder, options.quick)
    _nothing(report, media_folder, options.quick)
    _corpus(report)
    _memory(report, media_folder, options.quick)
    return report


# the tools ------------------------------------------------------------------------------------------------------------


def _pillion(files: Sequence[Path]) -> list[str]:
    return [transcribe.transcribe(path, model=MODEL, language=None).text for path in files]


def _pillion_together(files: Sequence[Path]) -> list[str]:
    texts = []
    for start in range(0, len(files), _BATCH):
        batch = files[start : start + _BATCH]
        sounds = transcribe.transcribe_short([(path, None) for path in batch], model=MODEL)
        texts += [
            transcribe.transcribe(path, model=MODEL, language=None, sound=sound).text
            for path, sound in zip(batch, sounds, strict=True)
        ]
    return texts


def _faster_whisper(files: Sequence[Path]) -> list[str]:
    model = whisper.loaded(MODEL)
    found = []
    for path in files:
        segments, _ = model.transcribe(str(path), beam_size=BEAM, word_timestamps=True)
        found.append("".join(segment.text for segment in segments))
    return found


def _pipeline(files: Sequence[Path]) -> list[str]:
    from faster_whisper import BatchedInferencePipeline

    pipeline = BatchedInferencePipeline(whisper.loaded(MODEL))
    found = []
    for path in files:
        segments, _ = pipeline.transcribe(str(path), beam_size=BEAM, batch_size=8, word_timestamps=True)
        found.append("".join(segment.text for segment in segments))
    return found


def _turns(tools: Sequence[Tool], files: Sequence[Path], rounds: int) -> None:
    weights.found(MODEL)
    whisper.loaded(MODEL)
    for _ in range(rounds):
        for tool in tools:
            tool.turn(files)


# what is measured -----------------------------------------------------------------------------------------------------


def _long(report: Report, folder: Path, quick: bool) -> None:
    path, said = _lecture(folder, 60 if quick else 300)
    tools = [Tool("Pillion", _pillion), Tool("faster-whisper, batched pipeline", _pipeline)]
    if not quick:
        tools.append(Tool("faster-whisper, in sequence", _faster_whisper))
    _turns(tools[:2], [path], 1 if quick else 7)
    for tool in tools[2:]:
        tool.turn([path])
    seconds = speech.duration(path)
    rows = [_row(tool, seconds, speech.word_error_rate(said, tool.texts[0])) for tool in tools]
    report.lines += [f"\n{seconds:.0f} s of speech", *table(("tool", "seconds", "of its length", "word errors"), rows)]
    slower = tools[0].median / tools[1].median
    report.figures["long"] = {tool.name: tool.seconds for tool in tools}
    report.goals.append(at_most("long speech, time beside the batched pipeline", slower, 1.03, digits=3))


def _clips(report: Report, folder: Path, quick: bool) -> None:
    each = 3 if quick else 15
    said = [(language, text) for language, texts in CLIPS.items() for text in texts[:each]]
    files = _spoken(folder, said)
    tools = [Tool("Pillion, in batches", _pillion_together), Tool("faster-whisper, one by one", _faster_whisper)]
    _turns(tools, files, 1 if quick else 2)
    seconds = sum(speech.duration(path) for path in files)
    errors = [_error_rate(said, tool.texts) for tool in tools]
    rows = [_row(tool, seconds, error) for tool, error in zip(tools, errors, strict=True)]
    report.lines += [f"\n{len(files)} clips", *table(("tool", "seconds", "of their length", "word errors"), rows)]
    for language in CLIPS:
        some = [index for index, (spoken, _) in enumerate(said) if spoken == language]
        rates = [_error_rate([said[index] for index in some], [tool.texts[index] for index in some]) for tool in tools]
        report.lines.append(f"  {language}: word errors {rates[0]:.1%} beside {rates[1]:.1%}")
    report.figures["clips"] = {tool.name: tool.seconds for tool in tools} | {"word errors": errors}
    report.goals += [
        at_least("clips, rate beside faster-whisper for each", tools[1].median / tools[0].median, 5.0),
        at_most("clips, word errors beside it, in points", (errors[0] - errors[1]) * 100, 1.0),
    ]


def _nothing(report: Report, folder: Path, quick: bool) -> None:
    seconds = 30 if quick else 300
    rate = whisper.SAMPLE_RATE
    noise = np.random.default_rng(1).integers(-10_000, 10_000, seconds * rate, np.int16)
    sounds = {"silence": media.silence(seconds, rate), "white noise": noise, "a tone": media.tone(seconds, rate)}
    for name, samples in sounds.items():
        path = media.write_wav(folder / f"{name.replace(' ', '-')}.wav", samples, rate)
        start = time.perf_counter()
        text = _pillion([path])[0]
        took = time.perf_counter() - start
        report.lines.append(f"{seconds} s of {name}: {text or 'nothing'!r}, {took:.1f} s")
        report.goals.append(Goal(text=f"{seconds} s of {name} are empty", found=repr(text), met=not text))


def _corpus(report: Report) -> None:
    for name in ("jfk.flac", "french.aiff", "new-home-in-the-stars-16k.wav"):
        if not (_CORPUS / name).exists():
            report.lines.append(f"{name}: not there")
            continue
        ours, theirs = _pillion([_CORPUS / name])[0], _faster_whisper([_CORPUS / name])[0]
        report.lines += [f"{name}:", f"  Pillion         {' '.join(ours.split())}", f"  faster-whisper {theirs}"]


def _memory(report: Report, folder: Path, quick: bool) -> None:
    spoken, _ = _lecture(folder, 60 if quick else 300)
    hours = 0.05 if quick else 2.0
    for name, long, rest in (("speech", hours, 0.0), ("which a twelfth is speech", 0.1 if quick else 10.0, 3300.0)):
        peak, took = peak_of_hours(spoken, long, folder, rest=rest)
        report.lines.append(f"{long:g} hours of {name}: {peak / 2**20:.0f} MiB at most, {took:.0f} s")
        report.goals.append(at_most(f"{long:g} hours of {name}, memory", peak / 2**30, 1.5, " GiB"))


# media ----------------------------------------------------------------------------------------------------------------


def _lecture(folder: Path, seconds: int) -> tuple[Path, str]:
    """About so many seconds of English speech, and what is said."""
    path = folder / f"lecture-{seconds}.wav"
    text = " ".join(CLIPS["en"][2:])
    once = speech.say(text, "en", folder / "lecture.wav")
    samples, rate = media.read_wav(once)
    times = max(1, seconds * rate // len(samples))
    media.write_wav(path, np.tile(samples, times), rate)
    return path, " ".join([text] * times)


def _spoken(folder: Path, said: Sequence[tuple[str, str]]) -> list[Path]:
    def speak(numbered: tuple[int, tuple[str, str]]) -> Path:
        number, (language, text) = numbered
        return speech.say(text, language, folder / f"clip-{language}-{number:02d}.wav")

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(speak, enumerate(said)))


def _error_rate(said: Sequence[tuple[str, str]], heard: Sequence[str]) -> float:
    """Word errors of all texts together, for each word that was said."""
    words = [len(speech.words(text)) for _, text in said]
    wrong = [
        speech.word_error_rate(text, found) * number
        for (_, text), found, number in zip(said, heard, words, strict=True)
    ]
    return sum(wrong) / sum(words)


def _row(tool: Tool, seconds: float, error: float) -> tuple[str, str, str, str]:
    return (tool.name, f"{tool.median:.1f}", f"{tool.median / seconds:.3f}", f"{error:.1%}")
