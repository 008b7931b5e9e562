"""Speech with known words, spoken by espeak-ng: ``say("Hello", "en", path)``.

The shared library of the ``espeakng-loader`` wheel is used, so nothing needs to be installed on the system. It keeps
global state and cannot be used from two threads, so each call speaks in a short-lived child process. The program
``espeak-ng`` on PATH is the fallback. espeak-ng is GPL-3.0: a tool for making test and demo sound, no part of Pillion.

Whisper base understands the English voice without an error for the sentences below; German and French come out with
errors, so tests on those may ask for the language but not for the words.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import shutil
import subprocess
import sys
import unicodedata
import wave
from pathlib import Path

from tests.support.edits import edit_rate

SENTENCES = {
    "en": (
        "Good morning, and welcome to the station. The next train to the coast leaves in a few minutes. "
        "Please keep your bags with you and have your ticket ready. The journey takes most of the morning, "
        "and hot coffee is served in the last carriage."
    ),
    "de": (
        "Guten Morgen und herzlich willkommen. Heute ist das Wetter schön, und wir gehen in den Garten. "
        "Die Kinder spielen mit dem Hund, und die Mutter liest ein Buch."
    ),
}
"""What to say: no numbers, no names, nothing with two spellings."""

_ROOT = Path(__file__).resolve().parents[2]
_VOICES = {"en": ("en-us", 150), "de": ("de+m3", 120), "fr": ("fr+m2", 130), "es": ("es+m3", 130)}
"""Language: (espeak-ng voice, words a minute). Tried against Whisper base for the lowest word error rate."""

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_CHARS_UTF8 = 1
_POSITION_CHARACTER = 1
_PARAMETER_RATE = 1


def say(text: str, language: str, path: Path) -> Path:
    """Speak ``text`` into a WAV file (mono, 16 bit, 22.05 kHz) at ``path``, and return the path."""
    voice, speed = _VOICES[language]
    if importlib.util.find_spec("espeakng_loader") is not None:
        command = [sys.executable, "-m", "tests.support.speech", voice, str(speed), str(path.absolute())]
    elif shutil.which("espeak-ng") is not None:
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(path.absolute()), "--stdin"]
    else:
        raise RuntimeError("no espeak-ng: pip install espeakng-loader")
    subprocess.run(command, input=text.encode(), check=True, stdout=subprocess.DEVNULL, cwd=_ROOT)
    return path


def duration(path: Path) -> float:
    """Length of a WAV file in seconds."""
    with wave.open(str(path), "rb") as sound:
        return sound.getnframes() / sound.getframerate()


def words(text: str) -> list[str]:
    """The words of a text in the form in which a transcript is compared: lower case, no punctuation."""
    text = unicodedata.normalize("NFC", text).lower()
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text)


def word_error_rate(expected: str, heard: str) -> float:
    """Edits (of words) that turn ``heard`` into ``expected``, per expected word."""
    return edit_rate(words(expected), words(heard))


def _speak(voice: str, speed: int, path: Path, text: bytes) -> None:
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    if rate <= 0:
        raise RuntimeError("espeak-ng did not start")
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise RuntimeError(f"espeak-ng has no voice {voice}")
    library.espeak_SetParameter(_PARAMETER_RATE, speed, 0)
    samples = bytearray()

    def receive(wav: int | None, count: int, events: int | None) -> int:
        if wav and count > 0:
            samples.extend(ctypes.string_at(wav, count * 2))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(receive)
    library.espeak_SetSynthCallback(callback)
    data = text + b"\0"
    library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(bytes(samples))


if __name__ == "__main__":
    _speak(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.stdin.buffer.read())
