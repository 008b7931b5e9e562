"""What a terminal shows while there is live progress: its escape sequences are carried out on a screen of our own."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from pillion.cli.progress import LiveProgress


class Terminal(io.StringIO):
    """Keeps what is written to it. It has no size, so the display takes it for 80 x 24."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """The lines that stand on it, without styles."""
        lines, row, column = [""], 0, 0
        for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|.|\n", self.getvalue(), re.DOTALL):
            if part == "\n":
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            elif part == "\r":
                column = 0
            elif part == "\x1b[1A":
                assert row > 0, "above the screen"
                row -= 1
            elif part == "\x1b[J":
                lines[row:] = [lines[row][:column]]
            elif part == "\x1b[2K":
                lines[row] = ""
            elif not part.startswith("\x1b"):
                lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + 1 :]
                column += 1
        return [line.rstrip() for line in lines]


@contextmanager
def stderr_and_stdout(terminal: Terminal, stdout: io.StringIO | None = None) -> Iterator[None]:
    with redirect_stderr(terminal), redirect_stdout(stdout or terminal):
        yield


def _clock(*, at: list[float]) -> Callable[[], float]:
    return lambda: at[0]


def test_what_is_printed_meanwhile_stands_above_the_display() -> None:
    terminal = Terminal()
    with stderr_and_stdout(terminal):
        with LiveProgress() as live:
            live.phase("discovery", 3, 10)
            sys.stdout.write("first\n")
            live.phase("processing", 1, None)
            sys.stderr.write("sec")
            sys.stderr.write("ond\n")
            sys.stdout.write("no end")
        assert sys.stdout is sys.stderr is terminal
    screen = terminal.screen()
    assert screen[:3] == ["first", "second", "no end"]
    assert [line.split()[0] for line in screen[3:] if line] == ["discovery", "processing"]
    assert "3 of 10 files" in screen[3]
    assert "1 files" in screen[4]


def test_rates_and_the_time_left() -> None:
    terminal, at = Terminal(), [0.0]
    with stderr_and_stdout(terminal):
        live = LiveProgress(_clock(at=at))
        for at[0] in (0.0, 10.0):
            live.phase("identification", int(at[0]) * 20, 1000)
        with live:
            pass
    (line,) = filter(None, terminal.screen())
    assert "20/s" in line
    assert line.endswith("~40 s")


def test_a_line_is_no_longer_than_the_screen() -> None:
    terminal = Terminal()
    with stderr_and_stdout(terminal), LiveProgress() as live:
        live.phase("discovery", 10**60, 10**60)
    (line,) = filter(None, terminal.screen())
    assert len(line) <= 79


def test_output_that_goes_elsewhere_is_left_alone() -> None:
    terminal, elsewhere = Terminal(), io.StringIO()
    with stderr_and_stdout(terminal, elsewhere), LiveProgress() as live:
        live.phase("discovery", 3, 10)
        sys.stdout.write("{}\n")
        assert elsewhere.getvalue() == "{}\n"
    assert not any("{}" in line for line in terminal.screen())
