"""Section ``voices``: recordings with known words, by language, beside faster-whisper with the same weights.

Any folder of recordings with the words of each beside it (``NAME.wav``, ``NAME.txt``) is a set; ``voices.json`` in it
says of each name its ``language`` (ISO 639-1; ``none`` for a recording without speech, whose text is empty). Without
it the language is ``?``. The words are compared in lower case and without punctuation; in languages whose spaces are
few or optional the characters are compared instead.

faster-whisper: beam 5, voice detection, times of words, its own fallback to higher temperatures. What it made of a
recording is kept in the cache folder under the hash of the file's bytes, so it is made once. Times are CPU seconds, of
both with the model loaded, because the kept ones were measured at another moment. Pillion's clips are handled as in a
worker, a language at a time.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches.peers.environments import SetupError
from benches.text.report import Goal, Options, Report, at_least, at_most, table
from pillion.kinds.transcript import transcribe, whisper
from tests.support import speech
from tests.support.edits import edit_rate

MODEL = "base"
BEAM = 5
SUFFIXES = (".wav", ".flac", ".mp3", ".aiff", ".aif", ".ogg", ".opus", ".m4a")
BY_CHARACTER = frozenset({"zh", "yue", "ja", "ko", "th", "lo", "my", "km"})
NO_SPEECH = "none"
ENOUGH = 3
"""Recordings of a language that its goal needs."""
POINTS = 1.0
TIMES_FASTER = 4.0
QUICK = 10
_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A sound file and what is said in it."""

    path: Path
    language: str
    text: str

    @property
    def units(self) -> list[str]:
        """Its words, or its characters; see the module."""
        return units(self.text, self.language)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What both tools made of a recording; ``errors`` are edits."""

    recording: Recording
    ours: str
    theirs: str
    their_seconds: float
    is_clip: bool

    def errors(self, text: str) -> float:
        """The edits that turn ``text`` into what is said."""
        want = self.recording.units
        return edit_rate(want, units(text, self.recording.language)) * max(len(want), 1)


def units(text: str, language: str) -> list[str]:
    """What is counted: words in lower case without punctuation, or characters without spaces."""
    words = speech.words(unicodedata.normalize("NFKC", text))
    return [character for word in words for character in word] if language in BY_CHARACTER else words


def recordings_of(folders: Sequence[Path]) -> list[Recording]:
    """All recordings of the folders. Raises SetupError where there are none."""
    found = [recording for folder in folders for recording in _recordings_in(folder)]
    if not found:
        raise SetupError("no recording with its text beside it: give a folder of them with --voices FOLDER")
    return found


def _recordings_in(folder: Path) -> Iterator[Recording]:
    described = folder / "voices.json"
    known: dict[str, dict[str, str]] = json.loads(described.read_text()) if described.is_file() else {}
    for path in sorted(folder.glob("*")):
        truth = path.with_suffix(".txt")
        if path.suffix.lower() in SUFFIXES and truth.is_file():
            language = known.get(path.stem, {}).get("language", "?")
            yield Recording(path=path, language=language, text=truth.read_text(encoding="utf-8"))


# the tools ------------------------------------------------------------------------------------------------------------


def _pillion(recordings: Sequence[Recording]) -> tuple[list[tuple[str, bool]], float, float]:
    """(Text, whether it is a clip) of each, and the CPU seconds of all clips and of all the others."""
    found: list[tuple[str, bool]] = []
    clips = others = 0.0
    for first in range(0, len(recordings), _BATCH):
        paths = [recording.path for recording in recordings[first : first + _BATCH]]
        start = time.process_time()
        sounds = transcribe.transcribe_short([(path, None) for path in paths], model=MODEL)
        clips += time.process_time() - start
        for path, sound in zip(paths, sounds, strict=True):
            start = time.process_time()
            text = transcribe.transcribe(path, model=MODEL, language=None, sound=sound).text
            seconds = time.process_time() - start
            clips, others = (clips + seconds, others) if sound else (clips, others + seconds)
            found.append((text, sound is not None))
    return found, clips, others


def _faster_whisper(path: Path, cache: Path) -> tuple[str, float]:
    """Text and CPU seconds, kept on disk."""
    version = importlib.metadata.version("faster-whisper")
    what = f"faster-whisper {version} {MODEL} beam {BEAM} voice detection".encode()
    kept = cache / f"{hashlib.sha256(what + path.read_bytes()).hexdigest()}.json"
    if not kept.is_file():
        start = time.process_time()
        segments, _ = whisper.loaded(MODEL).transcribe(str(path), beam_size=BEAM, vad_filter=True, word_timestamps=True)
        text = "".join(segment.text for segment in segments)
        kept.write_text(json.dumps({"text": text, "cpu": time.process_time() - start}))
    found = json.loads(kept.read_text())
    return found["text"], found["cpu"]


# the section ----------------------------------------------------------------------------------------------------------


def run(options: Options) -> Report:
    """Every recording through both, language by language. ``quick``: some recordings only."""
    recordings = recordings_of(options.voices or (options.cache / "real-voices",))
    if options.quick:
        recordings = recordings[:: max(1, len(recordings) // QUICK)]
    cache = options.cache / "voices"
    cache.mkdir(parents=True, exist_ok=True)
    whisper.loaded(MODEL)
    report = Report()
    rows, all_heard = [], []
    clips = others = 0.0
    for language in sorted({recording.language for recording in recordings}):
        heard, in_clips, in_others = _language([one for one in recordings if one.language == language], cache)
        all_heard += heard
        clips, others = clips + in_clips, others + in_others
        rows.append(_row(language, heard, in_clips + in_others))
        report.goals += _goals(language, heard)
    head = ("language", "recordings", "Pillion errors", "faster-whisper errors", "Pillion CPU s", "its CPU s")
    report.lines += ["", *table(head, rows), *_listed(all_heard)]
    theirs = sum(one.their_seconds for one in all_heard if one.is_clip)
    report.goals.append(at_least("clips, CPU time of faster-whisper to Pillion's", theirs / clips, TIMES_FASTER))
    report.figures["recordings"] = [_figures(one) for one in all_heard]
    report.figures["cpu"] = {"clips": clips, "others": others}
    return report


def _language(recordings: Sequence[Recording], cache: Path) -> tuple[list[Heard], float, float]:
    found, clips, others = _pillion(recordings)
    heard = []
    for recording, (ours, is_clip) in zip(recordings, found, strict=True):
        theirs, seconds = _faster_whisper(recording.path, cache)
        heard.append(Heard(recording=recording, ours=ours, theirs=theirs, their_seconds=seconds, is_clip=is_clip))
    return heard, clips, others


def _rates(heard: Sequence[Heard]) -> tuple[float, float]:
    """Errors for each unit that is said, of both."""
    said = max(1, sum(len(one.recording.units) for one in heard))
    return sum(one.errors(one.ours) for one in heard) / said, sum(one.errors(one.theirs) for one in heard) / said


def _row(language: str, heard: Sequence[Heard], seconds: float) -> tuple[str, ...]:
    if language == NO_SPEECH:
        shown = [f"{sum(bool(text.strip()) for text in texts)} with text" for texts in _texts(heard)]
    else:
        shown = [f"{rate:.1%}" for rate in _rates(heard)]
    theirs = sum(one.their_seconds for one in heard)
    return (language, str(len(heard)), *shown, f"{seconds:.1f}", f"{theirs:.1f}")


def _texts(heard: Sequence[Heard]) -> tuple[list[str], list[str]]:
    return [one.ours for one in heard], [one.theirs for one in heard]


def _goals(language: str, heard: Sequence[Heard]) -> list[Goal]:
    if language == NO_SPEECH:
        invented = [one.recording.path.name for one in heard if one.ours.strip()]
        return [Goal(text="recordings without speech have no text", found=", ".join(invented), met=not invented)]
    if len(heard) < ENOUGH:
        return []
    ours, theirs = _rates(heard)
    return [at_most(f"{language}, errors beside faster-whisper, in points", (ours - theirs) * 100, POINTS)]


def _listed(heard: Sequence[Heard]) -> list[str]:
    """The recordings of which faster-whisper understands more."""
    lines = []
    for one in heard:
        ours, theirs = one.errors(one.ours), one.errors(one.theirs)
        if ours > theirs:
            lines += [f"{one.recording.path.name} ({ours:.0f} errors beside {theirs:.0f}):"]
            lines += [f"  said            {' '.join(one.recording.text.split())}"]
            lines += [f"  Pillion         {' '.join(one.ours.split())}", f"  faster-whisper  {one.theirs.strip()}"]
    return ["", "Where faster-whisper understands more:", *lines] if lines else []


def _figures(one: Heard) -> dict[str, Any]:
    return {
        "name": one.recording.path.name,
        "language": one.recording.language,
        "units": len(one.recording.units),
        "errors": [one.errors(one.ours), one.errors(one.theirs)],
        "texts": [one.ours, one.theirs],
        "their cpu": one.their_seconds,
    }
