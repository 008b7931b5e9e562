"""A born-digital PDF: its text with boxes and the sidecar's JSON, beside the text alone by pypdfium2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import media

GROUP = "pdf: born digital, 200 pages"


@pytest.fixture(scope="session")
def digital_pdf(inputs: Path, smoke: bool) -> Path:
    """Pages full of text (few in a smoke run)."""
    full = "\n".join((media.PAGE_TEXT.splitlines() * 3)[:50])
    return media.write_pdf(inputs / "digital.pdf", [full] * (5 if smoke else 200), font_size=9)


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("tool", ["pillion", "pypdfium2"])
def test_born_digital(benchmark: Any, tool: str, digital_pdf: Path, smoke: bool) -> None:
    if tool == "pillion":
        import pillion

        def read() -> str:
            result = pillion.ocr(digital_pdf)
            result.to_json()
            return result.text

    else:
        import pypdfium2

        def read() -> str:
            document = pypdfium2.PdfDocument(digital_pdf)
            try:
                return "\f".join(page.get_textpage().get_text_range() for page in document)
            finally:
                document.close()

    text = benchmark.pedantic(read, rounds=1 if smoke else 5, warmup_rounds=0 if smoke else 1)
    benchmark.extra_info.update(tool=tool, note="with words, boxes and JSON" if tool == "pillion" else "text alone")
    assert text.count("The Harbour Library") >= text.count("\f") + 1
