"""What is said in a log line does not act on a terminal, and does not look like another line."""

from __future__ import annotations

import io
import logging

import pytest

from pillion.cli import logs

EVIL = "no\x1b[2Jsuch\nERROR: another line\u202e"


@pytest.fixture
def sink() -> io.StringIO:
    return io.StringIO()


def test_a_message_is_one_line_without_escape_sequences(sink: io.StringIO) -> None:
    root, own = logging.getLogger(), logging.getLogger("pillion")
    handler, level = logging.StreamHandler(sink), own.level
    logs._handle(handler, "%(levelname)s: %(message)s", logging.INFO)
    try:
        own.warning("%s failed: %s", "thumb", EVIL)
        try:
            raise ValueError(EVIL)
        except ValueError:
            own.warning("an error", exc_info=True)
    finally:
        root.removeHandler(handler)
        own.setLevel(level)
    first, second, *traceback = sink.getvalue().splitlines()
    assert first == r"WARNING: thumb failed: no\x1b[2Jsuch\nERROR: another line\u202e"
    assert second == "WARNING: an error"
    assert traceback
    assert not {"\x1b", "\u202e"} & set(sink.getvalue())
