"""A 300-dpi text page: picture file in, text with boxes and confidences out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benches.conftest import absent
from tests.support import media

GROUP = "ocr: text page, 300 dpi"


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("tool", ["pillion", "pytesseract"])
def test_page(benchmark: Any, tool: str, page_300dpi: Path, tesseract_program: str | None, smoke: bool) -> None:
    if tool == "pillion":
        import pillion

        def read() -> str:
            return pillion.ocr(page_300dpi).text

    else:
        if tesseract_program is None:
            absent(GROUP, tool, "the tesseract program is not installed")
        import pytesseract
        from PIL import Image

        from pillion.kinds.ocr import models

        config = f'--tessdata-dir "{models.language_folder(["eng"])}"'

        def read() -> str:
            with Image.open(page_300dpi) as picture:
                table = pytesseract.image_to_data(
                    picture, lang="eng", config=config, output_type=pytesseract.Output.DICT
                )
            return " ".join(word for word in table["text"] if word.strip())

    text = benchmark.pedantic(read, rounds=1 if smoke else 5, warmup_rounds=0 if smoke else 1)
    error = media.character_error_rate(media.PAGE_TEXT, text)
    benchmark.extra_info.update(tool=tool, note=f"character errors {error:.1%}")
    assert error < 0.05
