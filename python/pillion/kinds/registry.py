"""All generators, and which one makes what. Importing this loads no engine."""

from __future__ import annotations

from pillion.kinds.embedding.generator import EmbeddingsGenerator
from pillion.kinds.generator import Generator
from pillion.kinds.ocr.generator import OcrGenerator
from pillion.kinds.thumbnail.image import ImageThumbGenerator
from pillion.kinds.thumbnail.pdf import PdfThumbGenerator
from pillion.kinds.thumbnail.video import VideoThumbGenerator
from pillion.kinds.transcript.generator import TranscriptGenerator
from pillion.model import SidecarKind

ALL: tuple[Generator, ...] = (
    ImageThumbGenerator(),
    PdfThumbGenerator(),
    VideoThumbGenerator(),
    OcrGenerator(),
    TranscriptGenerator(),
    EmbeddingsGenerator(),
)


def find(kind: SidecarKind, mime: str) -> Generator | None:
    """The generator that makes ``kind`` from files of type ``mime``; None when there is none."""
    return next((generator for generator in ALL if generator.kind is kind and generator.accepts(mime)), None)
