"""``ocr`` sidecars of images and PDFs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pillion import extras
from pillion.kinds.ocr import models
from pillion.kinds.ocr.kind import AUTO, OCR
from pillion.model import (
    DEFAULT_VARIANT,
    PDF_PASSWORDS,
    Empty,
    Generated,
    GenerationRequest,
    Produced,
    Recipe,
    SidecarFormat,
    SidecarMark,
)
from pillion.readers.images.decode import with_decoders

PDF = "application/pdf"


class OcrGenerator:
    """``ocr`` sidecars of images and PDFs."""

    kind = OCR
    name = "ocr"
    version = 31

    def accepts(self, mime: str) -> bool:
        """Raster images and PDFs."""
        return mime == PDF or (mime.startswith("image/") and mime != "image/svg+xml")

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        """The languages, in order, the hashes of their data, and the decoders beside the core for the type.

        Also the networks for photographs, where these read them: a page of a PDF may be one. For images also the
        engine, where one is forced.

        With ``auto`` the data of all installed languages counts, so installing another makes sidecars stale.
        """
        languages = models.named_languages(_languages(settings))
        model = models.languages_identity(languages, settings.get("tessdata"))
        engine = _engine(settings)
        photographs = _of_photographs(engine) if mime != PDF or engine == AUTO else {}
        chosen = {"languages": list(languages), **photographs}
        return with_decoders(Recipe(generator=self.name, version=self.version, model=model, settings=chosen), mime)

    def generate(self, request: GenerationRequest) -> Generated:
        """One JSON document; Empty when there is no text to be believed. Raises ItemError."""
        from pillion.kinds.ocr.recognise import recognise

        result = recognise(
            request.source,
            is_pdf=request.mime == PDF,
            languages=_languages(request.settings),
            tessdata=request.settings.get("tessdata"),
            engine=_engine(request.settings),
            passwords=request.settings.get(PDF_PASSWORDS),
        )
        if not any(page.lines for page in result.pages):
            return Empty(note="; ".join(["no text found", *result.notes]))
        data = result.to_json().encode()
        mark = SidecarMark.PARTIAL if result.partial else None
        return (Produced(variant=DEFAULT_VARIANT, format=SidecarFormat.JSON, data=data, mark=mark),)


def _languages(settings: Mapping[str, Any]) -> Sequence[str]:
    named: Sequence[str] = settings.get("languages") or (AUTO,)
    return named


def _engine(settings: Mapping[str, Any]) -> str:
    return str(settings.get("engine") or AUTO)


def _of_photographs(engine: str) -> dict[str, str]:
    """The part of a recipe that says who recognises photographs; nothing where only Tesseract is installed."""
    if engine == AUTO:
        return {"photographs": models.networks_identity()} if models.has_networks() else {}
    return {"engine": engine, **({} if engine == "tesseract" else {"photographs": models.networks_identity()})}


@extras.needed()
def read_now(path: Path, mime: str, settings: Mapping[str, Any]) -> bytes:
    """The text of a file, as the bytes of a sidecar, also where there is none. Raises ItemError."""
    from pillion.kinds.ocr.recognise import recognise

    return recognise(path, is_pdf=mime == PDF, languages=_languages(settings)).to_json().encode()
