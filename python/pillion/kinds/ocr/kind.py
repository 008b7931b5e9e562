"""The kind ``ocr``: its settings, and how its jobs are run."""

from __future__ import annotations

from pillion.kinds.settings import checked_by, one_of
from pillion.kinds.spec import FirstGuess, KindSpec, Limits
from pillion.model import DEFAULT_VARIANT, MediaClass, SidecarFormat, SidecarKind

OCR = SidecarKind("ocr")

OCR_ENGINES = ("auto", "tesseract", "rapidocr")
"""What the setting ``engine`` may be."""

AUTO = "auto"
"""Among the languages: each page is read in that of the installed languages in which it is."""


_POLICIES = {"desktop": (DEFAULT_VARIANT,), "server": (DEFAULT_VARIANT,)}

KIND = KindSpec(
    name=OCR,
    order=20,
    formats=(SidecarFormat.JSON,),
    classes=frozenset({MediaClass.IMAGE, MediaClass.PDF}),
    policies=_POLICIES,
    settings={"languages": checked_by("pillion.kinds.ocr.models:languages_setting"), "engine": one_of(OCR_ENGINES)},
    defaults={"languages": [AUTO]},
    given="pillion.kinds.ocr.given:given",
    limits=Limits(
        deadline_s=300,
        deadline_s_per_mib=10,
        cpu_s=120,
        cpu_s_per_mib=20,
        whole_s=4 * 3600,
        whole_s_per_mib=600,
        memory_mib=1536,
        memory_mib_per_mib=64,
        loading_s=20,
        per_worker=2,
    ),
    first_guess=FirstGuess(seconds={MediaClass.IMAGE: 1.5, MediaClass.PDF: 2.0}, bytes={DEFAULT_VARIANT: 30_000.0}),
    generators=("pillion.kinds.ocr.generator:OcrGenerator",),
    exports={
        "text": "pillion.kinds.ocr.exports:text",
        "markdown": "pillion.kinds.ocr.exports:markdown",
        "hocr": "pillion.kinds.ocr.exports:hocr",
        "alto": "pillion.kinds.ocr.exports:alto",
        "pdf": "pillion.kinds.ocr.exports:pdf",
    },
    read_now="pillion.kinds.ocr.generator:read_now",
    models="pillion.kinds.ocr.models:rows",
    obtains=("pillion.kinds.ocr.models:gathered",),
    programs="pillion.kinds.ocr.tesseract:programs",
    lacking="pillion.kinds.ocr.lacking:lacking",
)
