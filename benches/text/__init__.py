"""Long comparisons of text out of pixels and sound with other tools: ``make bench-text``, one module a section."""

from __future__ import annotations

SECTIONS: dict[str, str] = {
    "speech": "benches.text.speech",
    "pdf": "benches.text.pdf",
    "ocr-accuracy": "benches.text.ocr_accuracy",
    "ocr-speed": "benches.text.ocr_speed",
    "photos": "benches.text.photographs",
    "embeddings": "benches.text.embeddings",
}
"""Section -> its module, which has ``run(options: Options) -> Report`` (benches/text/report.py). In running order."""
