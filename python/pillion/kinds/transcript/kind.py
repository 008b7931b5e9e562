"""The kind ``transcript``: its settings, and how its jobs are run."""

from __future__ import annotations

from typing import Any

from pillion.kinds.settings import nearest
from pillion.kinds.spec import FirstGuess, KindSpec, Limits
from pillion.model import DEFAULT_VARIANT, MediaClass, SidecarFormat, SidecarKind

TRANSCRIPT = SidecarKind("transcript")

WHISPER_SIZES = (
    *("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en"),
    *("large-v3", "large-v3-turbo"),
)
"""The models known by name; any other is a path."""

_LANGUAGE_CODES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr "
    "ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc "
    "pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh "
    "yue"
)
TRANSCRIPT_LANGUAGES = tuple(_LANGUAGE_CODES.split())
"""Whisper's languages, by its own codes."""


def _model(value: Any) -> str | None:
    is_path = isinstance(value, str) and ("/" in value or value.startswith(("~", ".")))
    if is_path or value in WHISPER_SIZES:
        return None
    return (
        f"one of {', '.join(WHISPER_SIZES)} or the path of a folder that holds a model{nearest(value, WHISPER_SIZES)}"
    )


def _language(value: Any) -> str | None:
    if value in TRANSCRIPT_LANGUAGES:
        return None
    return f'a language code, e.g. "en"{nearest(value, TRANSCRIPT_LANGUAGES)}'


KIND = KindSpec(
    name=TRANSCRIPT,
    order=30,
    formats=(SidecarFormat.JSON,),
    classes=frozenset({MediaClass.AUDIO, MediaClass.VIDEO}),
    policies={"desktop": (DEFAULT_VARIANT,), "server": (DEFAULT_VARIANT,)},
    settings={"model": _model, "language": _language},
    defaults={"model": "base", "language": None},
    # Short clips are transcribed in batches, which is much faster; a long file is more than a batch by itself.
    given="pillion.kinds.transcript.given:given",
    limits=Limits(
        deadline_s=600,
        deadline_s_per_mib=60,
        whole_s=12 * 3600,
        whole_s_per_mib=3600,
        loading_s=60,
        per_worker=64,
        workers=1,
        batch_s=15.0,
        checkpoints=True,
        # Of a whole day of speech.
        carried_mib=32,
    ),
    first_guess=FirstGuess(
        seconds_per_mib=(("video/", 0.5), ("audio/wav", 2.0), ("audio/x-wav", 2.0), ("audio/flac", 2.0), ("", 8.0)),
        bytes={DEFAULT_VARIANT: 20_000.0},
    ),
    generators=("pillion.kinds.transcript.generator:TranscriptGenerator",),
    exports={
        "text": "pillion.kinds.transcript.subtitles:text",
        "srt": "pillion.kinds.transcript.subtitles:srt_export",
        "vtt": "pillion.kinds.transcript.subtitles:vtt_export",
    },
    read_now="pillion.kinds.transcript.generator:read_now",
    models="pillion.kinds.transcript.models:rows",
    obtains=("pillion.kinds.transcript.models:found",),
    lacking="pillion.kinds.transcript.lacking:lacking",
)
