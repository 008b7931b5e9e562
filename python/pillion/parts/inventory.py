"""What is installed: models and data files, and the engines that need them. Looks only: downloads and loads nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pillion.engines import heif, libraw, media, minilm, pdfium, rapid, tesseract_api, tesseract_cli, whisper
from pillion.generators.documents import ENGINES as DOCUMENT_ENGINES
from pillion.model import SidecarKind
from pillion.models import finding, hub, photographs, tesseract
from pillion.models import minilm as embedding
from pillion.models import whisper as speech
from pillion.models.cache import cache_folder, sha256_of
from pillion.models.known import KnownModel


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """A model or data file. ``bytes`` and ``sha256`` are those of its weights; ``place`` says how it was found.

    ``looked_in``: every place, in order. ``online``, ``offline``: how to get it with and without a network; with a
    package index but no model hub the command of ``online`` works too.
    """

    name: str
    kind: SidecarKind
    installed: bool
    place: str
    path: str | None
    bytes: int | None
    sha256: str | None
    looked_in: tuple[str, ...]
    online: str
    offline: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineRow:
    """A library or program that does a part of the work. ``problem``: what lacks, with the command that mends it."""

    name: str
    use: str
    problem: str | None


def model_rows() -> list[ModelRow]:
    """All models that have a name, and the languages of OCR: those that are installed and those that pip installs."""
    known = [*((SidecarKind.TRANSCRIPT, model) for model in speech.MODELS.values())]
    rows = [_model_row(kind, model) for kind, model in (*known, (SidecarKind.EMBEDDINGS, embedding.MODEL))]
    languages = sorted({*tesseract.installed(), *tesseract.PACKAGES})
    return [*rows, *map(_language_row, languages), *map(_photograph_row, photographs.SHA256)]


def engine_rows() -> list[EngineRow]:
    """All engines, whether they are there or not."""
    rows = [
        EngineRow(name="av", use="video and sound", problem=media.missing()),
        EngineRow(name="pypdfium2", use="PDFs", problem=pdfium.missing()),
        EngineRow(name="tesserocr", use="OCR", problem=tesseract_api.missing()),
        EngineRow(name="tesseract", use="OCR, where tesserocr lacks", problem=tesseract_cli.missing()),
        EngineRow(name=rapid.NAME, use="OCR of photographs", problem=rapid.missing()),
        EngineRow(name="faster-whisper", use="transcripts", problem=whisper.missing()),
        EngineRow(name="ctranslate2", use="embeddings", problem=minilm.missing()),
        EngineRow(name=heif.NAME, use="HEIC pictures", problem=heif.missing("image/heic")),
        EngineRow(name=libraw.NAME, use="camera raw files", problem=libraw.missing("image/x-adobe-dng")),
    ]
    documents = (
        EngineRow(name=engine.NAME, use=engine.NOTE, problem=engine.missing())
        for engine in DOCUMENT_ENGINES
        if engine.PACKAGE
    )
    return [*rows, *documents]


def _model_row(kind: SidecarKind, known: KnownModel) -> ModelRow:
    found = finding.found_at(known)
    place, files = found or ("", [])
    hub = f"the model hub: pillion fetches {known.hub} when it is first needed"
    return ModelRow(
        name=known.name,
        kind=kind,
        installed=found is not None,
        place=place,
        path=str(files[0].parent) if files else None,
        bytes=sum(file.stat().st_size for file in files) if files else None,
        # Parts are joined and checked before they are used.
        sha256=(sha256_of(files[0]) if len(files) == 1 else known.sha256) if files else None,
        looked_in=tuple(_looked_in(known)),
        online=f"{known.install} (or {hub})" if known.install else hub,
        offline=f"copy {', '.join(known.files)} of {known.hub} to $PILLION_MODELS/{known.name}/",
    )


def _looked_in(known: KnownModel) -> Iterator[str]:
    for place, folder in finding.local_places(known):
        yield f"{place}: {folder}"
    if not any(place == "PILLION_MODELS" for place, _ in finding.local_places(known)):
        yield "PILLION_MODELS: not set"
    for module, _ in known.parts:
        there = importlib.util.find_spec(module) is not None
        yield f"package: {module.replace('_', '-')} ({'installed' if there else 'not installed'})"
    yield f"hub: {known.hub} ({'not asked: offline is set' if hub.offline() else 'when first needed'})"


def _language_row(language: str) -> ModelRow:
    file = tesseract.data_file(language)
    return ModelRow(
        name=f"tessdata-{language}",
        kind=SidecarKind.OCR,
        installed=file is not None,
        place="folder" if file else "",
        path=str(file) if file else None,
        bytes=file.stat().st_size if file else None,
        sha256=sha256_of(file) if file else None,
        looked_in=tuple(f"folder: {folder}" for folder in tesseract.data_folders()),
        online=tesseract.install([language]),
        offline=f"copy {language}.traineddata to $PILLION_MODELS/tessdata/",
    )


def _photograph_row(name: str) -> ModelRow:
    file = next((file for file in photographs.files() if file.name == name and file.is_file()), None)
    return ModelRow(
        name=name.removesuffix(".onnx"),
        kind=SidecarKind.OCR,
        installed=file is not None,
        place="package" if file else "",
        path=str(file) if file else None,
        bytes=file.stat().st_size if file else None,
        sha256=sha256_of(file) if file else None,
        looked_in=(f"package: rapidocr ({'installed' if photographs.files() else 'not installed'})",),
        online=photographs.INSTALL,
        offline="pip download rapidocr elsewhere, then pip install --no-index --find-links FOLDER rapidocr",
    )


def models_folder() -> Path:
    """Where Pillion keeps what it has put together from packages or converted."""
    return cache_folder() / "models"
