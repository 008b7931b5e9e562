"""Long comparisons of OCR, transcription and embeddings with other tools: ``make bench-text``, a module per section."""

from __future__ import annotations

SECTIONS: dict[str, str] = {
    "speech": "benches.text.speech",
    "voices": "benches.text.voices",
    "pdf": "benches.text.pdf",
    "pages": "benches.text.real_pages",
    "ocr-accuracy": "benches.text.ocr_accuracy",
    "ocr-speed": "benches.text.ocr_speed",
    "photos": "benches.text.photographs",
    "embeddings": "benches.text.embeddings",
}
"""Section -> its module, which has ``run(options: Options) -> Report`` (benches/text/report.py). In running order."""
