"""Reads the documents of a folder and says what became of each, and which expected words are missing.

    tools/compare_documents.py FOLDER [--java TESTS] [--peers]

``--java`` is a folder of Java sources: wherever a test names a file of FOLDER and, before the next one, a text that it
asserts to be there, the text is looked for in what Pillion read. ``--peers``: words that antiword and catppt find in
documents from before 2007 and Pillion does not. Nothing of the folders is kept. docs/text.md has the figures for the
test documents of Apache POI and Apache Tika.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pillion.api import sniff
from pillion.errors import ItemError
from pillion.readers.documents import table

_OOXML = "docx docm dotx dotm pptx pptm ppsx ppsm potx potm xlsx xlsm xltx xlsb"
_OTHERS = "doc dot xls xlt ppt pps msg odt ods odp odg ott ots otp fodt fods fodp"
ENDINGS = frozenset(f"{_OOXML} {_OTHERS}".split())
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CLAIM = re.compile(r"\b(assertContains|assertStartsWith|assertEquals)\s*\(([^;]{0,600}?)\)\s*;", re.DOTALL)
_FILE = re.compile(r'"(?:[^"\s]*/)?([\w .\-()]+\.\w{3,4})"')
_WORDS = re.compile(r"[^\W_]+")
_MIN_LETTERS = 6
"""Shorter texts are numbers and names of other things."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file: ``read``, ``empty``, a class of errors, or ``traceback``; its text, and why."""

    name: str
    state: str
    text: str = ""
    why: str = ""


def outcome(path: Path) -> Outcome:
    """Read one file. Nothing that goes wrong ends the comparison."""
    try:
        result = table.read(path, sniff(path))
    except ItemError as error:
        return Outcome(path.name, str(error.error_class), why=error.message)
    except Exception:
        return Outcome(path.name, "traceback", why=traceback.format_exc())
    return Outcome(path.name, "read" if result.text else "empty", result.text, "; ".join(result.notes))


def claims(folder: Path, names: set[str]) -> Iterator[tuple[str, str]]:
    """(file, text that a test says is in it), each once."""
    seen = set()
    for source in sorted(folder.rglob("*.java")):
        code = source.read_text(encoding="utf-8", errors="replace")
        for method in re.split(r"\n    (?:@Test|public void|void|private)", code):
            for claim in _claims_of(method, names):
                if claim not in seen:
                    seen.add(claim)
                    yield claim


def _claims_of(method: str, names: set[str]) -> Iterator[tuple[str, str]]:
    files = [(found.end(), found[1]) for found in _FILE.finditer(method) if found[1] in names]
    if len({name for _, name in files}) != 1:
        # Which of several files an assertion is about would be a guess.
        return
    for claim in _CLAIM.finditer(method):
        texts = _STRING.findall(claim[2])
        if claim[1] == "assertContains" and len(texts) == 1 and "xml" not in claim[2].lower():
            text = texts[0].encode("latin-1", "backslashreplace").decode("unicode_escape", "replace")
            if len("".join(_WORDS.findall(text))) >= _MIN_LETTERS and not re.search(r"[<>{}=]", text):
                yield files[0][1], text


def plain(text: str) -> str:
    """The words of a text, for a comparison that white space and punctuation do not decide."""
    return " ".join(_WORDS.findall(text)).lower()


def peer_words(path: Path) -> Counter[str]:
    """The words that another program finds in a document from before 2007; empty where it finds none."""
    commands = {".doc": ["antiword", "-m", "UTF-8.txt", "-w", "0"], ".ppt": ["catppt", "-d", "utf-8"]}
    command = commands.get(path.suffix.lower())
    if command is None or shutil.which(command[0]) is None:
        return Counter()
    try:
        done = subprocess.run([*command, str(path)], capture_output=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return Counter()
    return Counter(plain(done.stdout.decode("utf-8", "replace")).split())


def main() -> int:
    """Print the tables; exit code 1 if a file ended in a traceback."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--java", type=Path)
    parser.add_argument("--peers", action="store_true")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower().removeprefix(".") in ENDINGS)
    found = {path.name: outcome(path) for path in paths if path.is_file()}
    counts = Counter((Path(name).suffix.lower(), one.state) for name, one in found.items())
    for (ending, state), count in sorted(counts.items()):
        print(f"{ending:6} {state:14} {count}")
    for one in found.values():
        if one.state not in ("read", "empty") or one.why:
            print(f"{one.state}: {one.name}: {one.why}")
    if arguments.java:
        report_claims(found, arguments.java)
    if arguments.peers:
        report_peers(found, paths)
    return 1 if any(one.state == "traceback" for one in found.values()) else 0


def report_claims(found: dict[str, Outcome], folder: Path) -> None:
    """Print how many of the claims hold, and those that do not."""
    held = missed = 0
    for name, text in claims(folder, set(found)):
        if plain(text) in plain(found[name].text):
            held += 1
        else:
            missed += 1
            print(f"missing in {name} ({found[name].state}): {text!r}")
    print(f"claims: {held} of {held + missed} hold")


def report_peers(found: dict[str, Outcome], paths: list[Path]) -> None:
    """Print the words that other programs find and Pillion does not."""
    words = lost = 0
    for path in paths:
        theirs = peer_words(path)
        missing = theirs - Counter(plain(found[path.name].text).split())
        words += theirs.total()
        lost += missing.total()
        if missing.total() > 3:
            print(f"{missing.total()} of {theirs.total()} words missing in {path.name}: {list(missing)[:10]}")
    print(f"peers: {words} words, of which Pillion does not have {lost}")


if __name__ == "__main__":
    sys.exit(main())
