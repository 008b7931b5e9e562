"""Speech: sound file in, segments with word times out. The same model (Whisper base, int8) for both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest

from tests.support import speech

GROUP = "transcript: a minute of speech"


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("tool", ["pillion", "faster-whisper"])
def test_speech(benchmark: Any, tool: str, speech_minute: Path, smoke: bool) -> None:
    with av.open(str(speech_minute)) as container:
        seconds = (container.duration or 0) / av.time_base

    if tool == "pillion":
        import pillion

        def transcribe() -> str:
            return pillion.transcribe(speech_minute).text

    else:
        from faster_whisper import WhisperModel

        from pillion.kinds.transcript import models

        model = WhisperModel(str(models.found("base").path), device="cpu", compute_type="int8")

        def transcribe() -> str:
            segments, _ = model.transcribe(str(speech_minute), word_timestamps=True)
            return " ".join(segment.text.strip() for segment in segments)

    text = benchmark.pedantic(transcribe, rounds=1 if smoke else 3, warmup_rounds=0 if smoke else 1)
    repeats = max(round(seconds / 15), 1)
    error = speech.word_error_rate(" ".join([speech.SENTENCES["en"]] * repeats), text)
    benchmark.extra_info.update(tool=tool, input_seconds=seconds, note=f"word errors {error:.1%}")
    assert error < 0.15
