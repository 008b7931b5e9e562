"""What of the tools for recognition is missing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pillion import extras
from pillion.kinds.lacking import Check, Lacking, sentences, slow
from pillion.kinds.ocr import models, ppocr
from pillion.kinds.ocr.kind import AUTO
from pillion.kinds.ocr.tesseract import Recognisers, installed_engine
from pillion.readers.images import decode
from pillion.readers.pdf import document


def lacking(mime: str, settings: Mapping[str, Any]) -> Lacking:
    """For files of a type, in the languages and with the engine of these settings."""
    engine = settings.get("engine") or AUTO
    recogniser = Recognisers(settings.get("languages") or (AUTO,), settings.get("tessdata"))
    checks: list[Check] = [lambda: extras.missing("ocr", "pictures of text", "numpy")]
    if engine != "rapidocr" or mime == "application/pdf":
        checks += [installed_engine, slow(recogniser.load)]
    by_networks = engine == AUTO and models.has_networks()
    if mime == "application/pdf":
        # Most need no recognition: their pages are text. Only a page that is a photograph needs the networks.
        networks = [slow(ppocr.loaded)] if by_networks else []
        return Lacking(any_file=sentences(document.missing), some=sentences(*checks, *networks))
    if engine == "rapidocr" or by_networks:
        checks.append(slow(ppocr.loaded))
    return Lacking(any_file=(*sentences(*checks), *decode.lacking(mime)))
