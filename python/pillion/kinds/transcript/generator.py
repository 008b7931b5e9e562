"""``transcript`` sidecars of audio and video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion import _core, extras
from pillion.kinds.transcript.kind import TRANSCRIPT
from pillion.model import (
    DEFAULT_VARIANT,
    Empty,
    Generated,
    GenerationRequest,
    Produced,
    Recipe,
    SidecarFormat,
)

if TYPE_CHECKING:
    from pillion.kinds.transcript.result import TranscriptResult

DEFAULT_MODEL = "base"


class TranscriptGenerator:
    """``transcript`` sidecars of audio and video."""

    kind = TRANSCRIPT
    name = "transcript"
    version = 13

    def accepts(self, mime: str) -> bool:
        """Audio and video."""
        return _core.media_class(mime) in ("audio", "video")

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The model's hash and the language, if one is forced, by which the track is then chosen."""
        from pillion.kinds.transcript import models

        language = settings.get("language")
        return Recipe(
            generator=self.name,
            version=self.version,
            model=models.identity(_model(settings)),
            settings={"language": language} | ({"track": "of the language"} if language else {}),
        )

    def prepare(self, requests: Sequence[GenerationRequest]) -> Sequence[Any]:
        """Transcribe short clips in batches. Raises ItemError."""
        extras.require("speech", "transcripts")
        from pillion.kinds.transcript import transcribe

        result: list[Any] = [None] * len(requests)
        for model in {_model(request.settings) for request in requests}:
            members = [index for index, request in enumerate(requests) if _model(request.settings) == model]
            files = [(requests[index].source, requests[index].settings.get("language")) for index in members]
            for index, sound in zip(members, transcribe.transcribe_short(files, model=model), strict=True):
                result[index] = sound
        return result

    def generate(self, request: GenerationRequest) -> Generated:
        """One JSON document; Empty without speech, and for a video without sound. Raises ItemError."""
        extras.require("speech", "transcripts", "av", "numpy")
        from pillion.kinds.transcript import transcribe
        from pillion.readers import media

        info = media.probe(request.source)
        if not info.audio and _core.media_class(request.mime) == "video":
            return Empty(note="no audio track")
        model, language = _model(request.settings), request.settings.get("language")
        share = float(request.settings.get("share", 1.0))
        result = transcribe.transcribe(
            request.source,
            model=model,
            language=language,
            share=share,
            sound=request.prepared,
            checkpoint=request.checkpoint,
        )
        if not result.segments:
            return Empty(note=_why_empty(result))
        data = result.to_json().encode()
        return (Produced(variant=DEFAULT_VARIANT, format=SidecarFormat.JSON, data=data),)


def _why_empty(result: TranscriptResult) -> str:
    reasons = sorted({segment.reason for segment in result.dropped})
    return f"no speech; dropped: {len(result.dropped)} ({', '.join(reasons)})" if reasons else "no speech"


def _model(settings: Mapping[str, Any]) -> str:
    return str(settings.get("model") or DEFAULT_MODEL)


@extras.needed()
def read_now(path: Path, _mime: str, settings: Mapping[str, Any]) -> bytes:
    """A file's transcript, as the bytes of a sidecar, even if there is no speech. Raises ItemError."""
    extras.require("speech", "transcripts")
    from pillion.kinds.transcript import transcribe

    return transcribe.transcribe(path, model=_model(settings), language=settings.get("language")).to_json().encode()
