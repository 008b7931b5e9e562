"""Libraries that are called past their public interface: pinned below the next version that may change it.

Each name here is one that the package uses and its maker does not promise to keep. When a pin is raised, this test says
which of them are gone.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import itertools
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def _pdfium_names() -> set[str]:
    """PDFium's own functions and constants, as the readers of PDFs call them."""
    sources = (ROOT / "python/pillion/readers/pdf").glob("*.py")
    return {name for source in sources for name in re.findall(r"\braw\.(FPDF\w+)", source.read_text())}


INTERNALS = {
    "ctranslate2": (
        "ctranslate2.specs.transformer_spec:TransformerEncoderSpec",
        "ctranslate2.specs.transformer_spec:TransformerEncoderModelSpec",
        "ctranslate2.specs.common_spec:Activation",
        "ctranslate2.specs.common_spec:EmbeddingsMerge",
    ),
    "faster-whisper": (
        "faster_whisper.tokenizer:Tokenizer",
        "faster_whisper.transcribe:get_suppressed_tokens",
        "faster_whisper.transcribe:WhisperModel.add_word_timestamps",
        "faster_whisper.transcribe:WhisperModel.get_prompt",
        "faster_whisper.vad:get_speech_timestamps",
        "faster_whisper.vad:VadOptions",
    ),
    "pypdfium2": tuple(sorted(f"pypdfium2.raw:{name}" for name in _pdfium_names())),
    "rapidocr": (
        "rapidocr.ch_ppocr_det:TextDetector",
        "rapidocr.ch_ppocr_rec:TextRecognizer",
        "rapidocr.ch_ppocr_rec:TextRecInput",
        "rapidocr.utils.log:logger",
    ),
    "uvicorn": (
        "uvicorn:Server.handle_exit",
        "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol.connection_made",
        "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol.connection_lost",
        "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol.data_received",
        "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol.on_body",
        "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol.on_message_begin",
        "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol.on_headers_complete",
    ),
}
"""Package -> module:name of what is called."""


def _requirements() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = itertools.chain(project["dependencies"], *project["optional-dependencies"].values())
    found = map(Requirement, lines)
    return {requirement.name: requirement for requirement in found if requirement.name in INTERNALS}


@pytest.mark.parametrize("package", INTERNALS)
def test_what_is_called_through_internals_is_pinned_and_there(package: str) -> None:
    requirement = _requirements()[package]
    assert any(part.operator == "<" for part in requirement.specifier), f"{requirement} has no upper bound"
    assert INTERNALS[package]
    installed = importlib.metadata.version(package)
    assert requirement.specifier.contains(installed), f"tests run with {package} {installed}, outside of {requirement}"
    for name in INTERNALS[package]:
        module, _, attributes = name.partition(":")
        found = importlib.import_module(module)
        for attribute in attributes.split("."):
            assert hasattr(found, attribute), f"{package} {installed} has no {name}"
            found = getattr(found, attribute)


def test_the_calls_into_faster_whisper_fit_its_signatures() -> None:
    from faster_whisper.tokenizer import Tokenizer
    from faster_whisper.transcribe import WhisperModel, get_suppressed_tokens

    inspect.signature(Tokenizer).bind("tokenizer", True, task="transcribe", language="en")
    inspect.signature(get_suppressed_tokens).bind("tokenizer", [-1])
    inspect.signature(WhisperModel.get_prompt).bind("model", "tokenizer", [], without_timestamps=True)
    inspect.signature(WhisperModel.add_word_timestamps).bind(
        "model", [[{}]], "tokenizer", "encoded", [0], "prepended", "appended", last_speech_timestamp=0.0
    )
