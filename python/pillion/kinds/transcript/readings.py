"""What the model makes of a stretch of sound in one window: a reading, and a better one where it is in doubt.

Other programs sample with rising temperatures where a result is bad. CTranslate2 cannot be given a seed twice in one
process, so the same file would not always give the same words. Here the same sound is read in other ways without
chance: with time tokens between the phrases, and with a penalty on repetition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillion.kinds.transcript import loops, whisper
from pillion.kinds.transcript.whisper import RecognisedSegment, RecognisedWord

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper import WhisperModel

HOP = 160
"""Samples per frame of the spectrogram."""
FULL_FRAMES = 3000
"""The window that the model was trained with: 100 frames are a second."""

_TOKENS_PER_SECOND = 20
"""Far more than can be spoken in any language: with more, the model is caught in a loop."""
_EXTRA_TOKENS = 16
_MAX_TOKENS = 448
"""The limit of the model's output, prompt included."""
_SAME = 0.9
"""How alike two readings are that say the same, from 0 to 1."""
_PAD_SECONDS = 0.4
"""The detector of speech adds this at the end of speech."""
_UNREAD_SECONDS = 3.0
"""Speech that goes on for so long after the last word has not been read to its end."""


@dataclass(frozen=True, slots=True)
class Way:
    """How to read. ``timed``: with time tokens. ``penalty``: on repeated tokens. ``no_repeat``: of so many tokens.

    ``beam``: how many hypotheses are kept.
    """

    timed: bool = False
    penalty: float = 1.0
    no_repeat: int = 0
    beam: int = whisper.BEAM


_PLAIN = Way()
_QUICK = Way(timed=True, beam=1)
_OTHER_WAYS = (Way(timed=True), Way(penalty=1.2, no_repeat=4))


@dataclass(frozen=True, slots=True)
class Reading:
    """The model's output for a stretch of sound; ``log_probability`` is the mean over its tokens.

    ``cut``: it filled all the tokens allowed. ``confirmed``: another reading says the same. ``other_languages``:
    whether the sound may be in another language.
    """

    language: str
    language_probability: float
    tokens: tuple[int, ...]
    text: str
    log_probability: float
    no_speech: float
    cut: bool = False
    words: tuple[RecognisedWord, ...] = ()
    confirmed: bool = False
    other_languages: bool = False

    @property
    def drop_reason(self) -> str:
        """See whisper.drop_reason."""
        return whisper.drop_reason(
            text=self.text,
            log_probability=self.log_probability,
            no_speech=self.no_speech,
            confirmed=self.confirmed,
        )

    def unread(self, seconds: float) -> float:
        """How long the speech of that length goes on after the last word."""
        return unread(self.words, seconds)

    def segment(self, seconds: float, start: float = 0.0) -> RecognisedSegment:
        """As a segment that begins at ``start``."""
        found = RecognisedSegment(
            text=self.text,
            start=0.0,
            end=seconds,
            log_probability=self.log_probability,
            words=self.words,
            dropped=self.drop_reason,
            language=self.language,
        )
        return found.moved(start)


def storage(array: NDArray[Any]) -> StorageView:
    """For the model."""
    from ctranslate2 import StorageView

    return StorageView.from_array(np.ascontiguousarray(array))


def encoded(loaded: WhisperModel, sounds: Sequence[NDArray[np.float32]], frames: int) -> StorageView:
    """The encoder's output for sounds (mono, 16 kHz) in windows of ``frames`` frames."""
    features = np.stack([_spectrogram(loaded, samples, frames) for samples in sounds])
    # In main memory even if a GPU does the work: each sound's part is taken out of it.
    return loaded.model.encode(storage(features), to_cpu=True)


def _spectrogram(loaded: WhisperModel, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Log-mel spectrogram, shape (bands, frames). Padded as faster-whisper pads its own: with zeros."""
    found = loaded.feature_extractor(samples)[..., :-1][..., :frames]
    padded: NDArray[np.float32] = np.pad(found, ((0, 0), (0, frames - found.shape[-1])))
    return padded


def read(
    loaded: WhisperModel, encoded: StorageView, languages: Sequence[str], frames: int, way: Way = _PLAIN
) -> list[Reading]:
    """The model's output for each part of ``encoded``, whose language is known, without times of words.

    ``frames``: how long the sound may be; it limits the output.
    """
    tokenizers = {language: whisper.tokenizer(loaded, language) for language in languages}
    prompts = [loaded.get_prompt(tokenizers[language], [], without_timestamps=not way.timed) for language in languages]
    longest = min(_MAX_TOKENS, len(prompts[0]) + _EXTRA_TOKENS + _TOKENS_PER_SECOND * frames // 100)
    results = loaded.model.generate(
        encoded,
        prompts,
        beam_size=way.beam,
        max_length=longest,
        suppress_blank=True,
        suppress_tokens=whisper.suppressed(tokenizers[languages[0]]),
        return_scores=True,
        return_no_speech_prob=True,
        sampling_temperature=0.0,
        repetition_penalty=way.penalty,
        no_repeat_ngram_size=way.no_repeat,
    )
    readings = []
    for result, language in zip(results, languages, strict=True):
        produced = result.sequences_ids[0]
        tokens = tuple(token for token in produced if token < tokenizers[language].eot)
        readings.append(
            Reading(
                language=language,
                language_probability=1.0,
                tokens=tokens,
                text=tokenizers[language].decode(tokens),
                # The score is the mean over the tokens; the end of the text is one more, as faster-whisper counts.
                log_probability=result.scores[0] * len(produced) / (len(produced) + 1),
                no_speech=result.no_speech_prob,
                cut=len(prompts[0]) + len(produced) >= longest,
            )
        )
    return readings


def with_words(loaded: WhisperModel, reading: Reading, part: NDArray[np.floating[Any]], size: int) -> Reading:
    """The reading with the times of its words, from the model's attention to ``size`` samples.

    One sound at a time, so that the result does not depend on others.
    """
    if not reading.text.strip():
        return reading
    frames = size // HOP
    segment: dict[str, Any] = {"seek": 0, "start": 0.0, "end": frames / 100, "tokens": list(reading.tokens)}
    tokenizer = whisper.tokenizer(loaded, reading.language)
    loaded.add_word_timestamps(
        [[segment]],
        tokenizer,
        storage(part[np.newaxis]),
        [frames],
        whisper.PREPENDED,
        whisper.APPENDED,
        last_speech_timestamp=0.0,
    )
    return replace(reading, words=whisper.words(segment.get("words", ())))


# doubt ----------------------------------------------------------------------------------------------------------------


def is_bad(reading: Reading, seconds: float) -> bool:
    """Whether a reading in the full window is to be compared with others: it loops, guesses, or stops too early."""
    if whisper.nobody_speaks(reading.log_probability, reading.no_speech):
        return False
    return (
        loops.is_repetitive(reading.text)
        or reading.log_probability < whisper.LOW_LOG_PROBABILITY
        or reading.unread(seconds) > _UNREAD_SECONDS
    )


def lacks(words: Sequence[RecognisedWord], end: float) -> bool:
    """Whether speech that ends then goes on for long after the last of its words."""
    return unread(words, end) > _UNREAD_SECONDS


def unread(words: Sequence[RecognisedWord], end: float) -> float:
    """How long speech that ends then goes on after the last of its words."""
    return end - _PAD_SECONDS - max((word.end for word in words), default=0.0)


def best(loaded: WhisperModel, part: NDArray[np.floating[Any]], size: int, first: Reading) -> Reading:
    """``first``, or a better reading of the same ``size`` samples, whose encoded form is ``part``."""
    seconds = size / whisper.SAMPLE_RATE
    if not is_bad(first, seconds):
        return first
    found = [first]
    repeats = loops.is_repetitive(first.text)
    for way in (_QUICK, *_OTHER_WAYS) if repeats else _OTHER_WAYS[:1]:
        (other,) = read(loaded, storage(part[np.newaxis]), [first.language], size // HOP, way)
        if repeats and way.timed and says_the_same(first.text, other.text) and repeats_as_often(first.text, other.text):
            return replace(first, confirmed=True)
        other = replace(other, language_probability=first.language_probability)
        other = with_words(loaded, other, part, size)
        if not is_bad(other, seconds) and other.text.strip():
            return other
        found.append(other)
    sane = [reading for reading in found if not loops.is_repetitive(reading.text) and reading.text.strip()]
    return max(sane or found, key=lambda reading: reading.log_probability)


def repeats_as_often(one: str, other: str) -> bool:
    """Whether two readings that are alike do not owe it to a loop: they count the same, and the rest is alike, too."""
    first, times = loops.said_once(one)
    second, other_times = loops.said_once(other)
    return max(times, other_times) < loops.LOOP_TIMES or (
        abs(times - other_times) <= 1 and says_the_same(first, second)
    )


def says_the_same(one: str, other: str) -> bool:
    """Whether two readings are the same but for some letters, case and punctuation."""
    first, second = ("".join(filter(str.isalnum, text.lower())) for text in (one, other))
    return SequenceMatcher(None, first, second, autojunk=False).ratio() >= _SAME
