"""Names on a terminal: nothing in them acts, all of it is seen, and JSON has them exactly."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pillion.quoting import harmless, quoted
from tests.support import photos
from tests.support.program import run


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain.jpg", "plain.jpg"),
        ("Größe 日本 👩‍👩‍👧.jpg", "Größe 日本 👩‍👩‍👧.jpg"),
        ("Screenshot at 3.04.05\u202fPM.png", "Screenshot at 3.04.05\u202fPM.png"),
        ("[red]markup[/red].jpg", "[red]markup[/red].jpg"),
        ("a\x1b[31m\x1b]0;pwn\x07.jpg", r"a\x1b[31m\x1b]0;pwn\x07.jpg"),
        ("two\nlines\r\t.jpg", r"two\nlines\r\t.jpg"),
        ("c1\x9b31m.jpg", r"c1\x9b31m.jpg"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("line\u2028end", r"line\u2028end"),
        (b"odd-\xff.jpg", r"odd-\xff.jpg"),
        (os.fsdecode(b"odd-\xff.jpg"), r"odd-\xff.jpg"),
        (Path("a\x1bb"), r"a\x1bb"),
    ],
)
def test_names_are_quoted(name: str | bytes, shown: str) -> None:
    assert quoted(name) == shown
    assert quoted(quoted(name)) == shown


def test_text_keeps_its_lines() -> None:
    assert harmless("one\n\ttwo\x1b[0m\n") == "one\n\ttwo\\x1b[0m\n"


def _acts(text: str) -> bool:
    return any(char in text for char in "\x1b\x07\x9b\r\u202e")


def test_no_command_lets_a_name_act(tmp_path: Path) -> None:
    folder, library = tmp_path / "a\x1b[31m\n\x1b]0;pwn\x07", tmp_path / "lib\x1b[1m"
    folder.mkdir()
    good = photos.write_photo(folder / "\x1b[32mgood\n.jpg", seed=1, size=(160, 120))
    bad = folder / "bad\x1b]0;pwn\x07\u202e.jpg"
    bad.write_bytes(good.read_bytes()[:300])
    (folder / "closed\x1b[5m").mkdir(mode=0)
    (tmp_path / "n\x1b[31m.txt").mkdir()
    said = [
        run("index", folder, "--library", library, "--policy", "mobile"),
        *(run(command, "--library", library) for command in ("status", "ls", "failed", "locations", "verify", "plan")),
        run("show", good, "--library", library),
        run("show", "n\x1b[31m", "--library", library),
        run("failed", bad, "--library", library, "--details"),
        run("export", "n\x1b[31m", "--to", "text", "--library", library),
        run("locations", "move", folder, tmp_path / "n\x1b[31m", "--library", library),
        run("locations", "remove", tmp_path / "n\x1b[31m", "--library", library),
        run("index", tmp_path / "n\x1b[31m", "--library", library),
        run("thumb", good, bad, "-o", tmp_path / "out\x1b[31m"),
        run("text", bad),
        run("text", tmp_path / "n\x1b[31m.txt"),
        run("n\x1b[31m"),
        run("ls", "--n\x1b[31m"),
        run("ls", "--library", bad),
    ]
    for done in said:
        assert not _acts(done.stdout + done.stderr), done.args
        assert "Traceback" not in done.stderr
    listed = run("ls", "--library", library, "--json").stdout.splitlines()
    assert {source for line in listed for source in json.loads(line)["sources"]} == {str(good), str(bad)}
    assert json.loads(run("status", "--library", library, "--json").stdout)["locations"] == [str(folder)]
    assert json.loads(run("locations", "--library", library, "--json").stdout)["path"] == str(folder)
