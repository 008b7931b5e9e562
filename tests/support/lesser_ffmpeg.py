"""An FFmpeg without some decoders, as distributions build it: a C library preloaded into programs hides them."""

from __future__ import annotations

from pathlib import Path

from pillion.kinds.execute import WRITES
from tests.support.preload import build


class LesserFfmpeg:
    """FFmpeg in the programs started with :attr:`environment`. Skips the test where the library cannot be built."""

    def __init__(self, scratch: Path) -> None:
        library = build(Path(__file__).with_name("lesser_ffmpeg.c"), scratch)
        self._hidden = scratch / "hidden_codecs"
        self.hide()
        self.environment = {"LD_PRELOAD": str(library), "PILLION_HIDDEN_CODECS": str(self._hidden)}
        self.environment[WRITES] = str(self._hidden)

    def hide(self, *codecs: str) -> None:
        """Let it have no decoder for these codecs, by FFmpeg's names, and for all others the one it has."""
        self._hidden.write_text(" ".join(codecs))
