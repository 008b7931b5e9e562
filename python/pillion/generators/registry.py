"""All generators, and which one makes what. Importing this loads no engine."""

from __future__ import annotations

from pillion.generators.base import Generator
from pillion.generators.embeddings import EmbeddingsGenerator
from pillion.generators.ocr import OcrGenerator
from pillion.generators.thumb_image import ImageThumbGenerator
from pillion.generators.thumb_pdf import PdfThumbGenerator
from pillion.generators.thumb_video import VideoThumbGenerator
from pillion.generators.transcript import TranscriptGenerator
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
