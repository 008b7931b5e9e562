"""Measure how often the encoding of a text is detected: real texts in 37 languages, in the encodings used for each.

The texts are from Debian packages: manual pages, the installation guide, and the messages of Firefox, so apt-get and
dpkg are needed. They are fetched once into the user's cache folder (about 90 MB), not this repository.
A text is right if every character is: the name of the encoding does not matter if two encodings have the same bytes for
it. Passages in pure ASCII are left out: every detector reads them.

``--peers``: also the libraries charset-normalizer, chardet, chardetng-py and cchardet, those that are installed.
``--only``: languages or encodings, separated by commas. ``--wrong N``: print N passages that were read wrongly.
Exit code 1 if Pillion's share is below ``--goal``.
"""

from __future__ import annotations

import argparse
import gzip
import html
import importlib
import random
import re
import sys
import time
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import native

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benches.peers.debian import unpack  # noqa: E402 (found by the path above)
from benches.peers.environments import SetupError  # noqa: E402

WEAK = 0.95
"""Cells with a smaller share of right answers are named."""
SIZES = (200, 500, 2000)
"""The least number of bytes of a passage."""


def _names(text: str) -> list[str]:
    return text.split()


UNICODE = "utf-8 utf-16-le utf-16-be utf-32-le utf-32-be"
WESTERN = "cp1252 iso-8859-1 iso-8859-15 mac-roman cp850"
CENTRAL = "cp1250 iso-8859-2 cp852 mac-latin2"
CYRILLIC = "cp1251 iso-8859-5 mac-cyrillic"
BALTIC = "cp1257 iso-8859-13 iso-8859-4 cp775"

ENCODINGS = {
    **dict.fromkeys(_names("da de en es fi fr it nb nl pt sv"), WESTERN),
    **dict.fromkeys(_names("cs hr hu pl sk sl"), CENTRAL),
    "ro": "cp1250 iso-8859-2 iso-8859-16 cp852",
    **dict.fromkeys(_names("ru bg"), f"{CYRILLIC} koi8-r cp866 cp855"),
    "uk": f"{CYRILLIC} koi8-u",
    **dict.fromkeys(_names("mk sr"), CYRILLIC),
    **dict.fromkeys(_names("et lt lv"), BALTIC),
    "el": "cp1253 iso-8859-7 cp737 mac-greek",
    "tr": "cp1254 iso-8859-9 cp857 mac-turkish",
    "he": "cp1255 iso-8859-8 cp862",
    "ar": "cp1256 iso-8859-6",
    "fa": "cp1256",
    "th": "cp874",
    "vi": "cp1258",
    "ja": "cp932 euc-jp iso-2022-jp",
    "ko": "cp949 iso-2022-kr johab",
    "zh-cn": "gb18030 gb2312 hz",
    "zh-tw": "big5 cp950",
}
"""Language -> the encodings its texts are found in, beside Unicode."""

GUIDE = {
    "pt": "pt",
    "zh-cn": "zh_CN",
    **{name: name for name in _names("cs da de el en es fr it ja ko nl ro ru sv vi")},
}
MANUALS = {
    **{name: name for name in _names("cs da de el es fi fr hu it ja mk nb nl pl ro ru sr sv tr uk vi")},
    "pt": "pt-br",
    "zh-cn": "zh",
    "zh-tw": "zh",
}
FIREFOX = {name: name for name in _names("ar bg de el et fa fr he hr ja ko lt lv pl ru sk sl th tr uk vi zh-cn zh-tw")}

REPLACED = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʼ′", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‐‑‒–—−", "-"),
        **dict.fromkeys("\u00a0\u202f\u2009\u2002\u2003", " "),
        **dict.fromkeys("\u200e\u200f\u200c\u200d\u2066\u2067\u2068\u2069\u00ad", ""),
        "…": "...",
        "•": "*",
        "·": "*",
        "→": "->",
        "©": "(c)",
        "ی": "ي",
        "ک": "ك",
    }
)
"""Replacements for characters that an encoding lacks, as people write them."""
CEDILLA = str.maketrans("șțȘȚ", "şţŞŢ")
"""Romanian letters with a comma below, and with the cedilla that most encodings have in their place."""
COMMA = str.maketrans("şţŞŢ", "șțȘȚ")


@dataclass
class Score:
    """The results of one detector. ``cells``: (language, encoding) -> [right, all]."""

    cells: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    sizes: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    seconds: float = 0.0
    found: int = 0
    """Passages that the sniffer takes for text, without a name."""
    wrong: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, cell: tuple[str, str], size: int, right: bool) -> None:
        for count in (self.cells[cell], self.sizes[size]):
            count[0] += right
            count[1] += 1

    def share(self, language: str = "", encoding: str = "") -> float | None:
        """The share of right answers, of all cells or of one row or column; None where there is no passage."""
        counts = [
            count for (said, name), count in self.cells.items() if language in ("", said) and encoding in ("", name)
        ]
        right, total = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
        return right / total if total else None


def texts(cache: Path) -> dict[str, list[list[str]]]:
    """Language -> its sources -> their lines. Raises SetupError."""
    packages = {"installation-guide-amd64"}
    packages.update(f"manpages-{name}" for name in MANUALS.values())
    packages.update(f"firefox-esr-l10n-{name}" for name in FIREFOX.values())
    for package in sorted(packages):
        if not (cache / package).is_dir():
            unpack([package], cache / f"{package}.part")
            (cache / f"{package}.part").rename(cache / package)
    found: dict[str, list[list[str]]] = defaultdict(list)
    for language, name in GUIDE.items():
        pages = cache / "installation-guide-amd64/usr/share/doc/installation-guide-amd64" / name
        found[language].append(list(_guide(pages)))
    for language, name in MANUALS.items():
        folder = {"pt": "pt_BR", "zh-cn": "zh_CN", "zh-tw": "zh_TW"}.get(language, language)
        found[language].append(list(_manuals(cache / f"manpages-{name}/usr/share/man" / folder)))
    for language in FIREFOX:
        found[language].append(list(_messages(cache / f"firefox-esr-l10n-{language}")))
    empty = [language for language, sources in found.items() if not all(sources)]
    if empty:
        raise SetupError(f"the packages hold no text in {', '.join(empty)}: remove {cache} and try again")
    return found


def _guide(folder: Path) -> Iterator[str]:
    for page in sorted(folder.glob("*.html")):
        for paragraph in re.findall(
            r"<(?:p|li|h\d|dd|dt)\b[^>]*>(.*?)</(?:p|li|h\d|dd|dt)>", page.read_text("utf-8"), re.S
        ):
            yield from _clean(html.unescape(re.sub(r"<[^>]*>", "", paragraph)))


def _manuals(folder: Path) -> Iterator[str]:
    for page in sorted(folder.glob("man*/*.gz")):
        if re.match(r"iso_8859|latin|cyrillic|cp125|koi8|armscii|ascii|charsets", page.name):
            continue  # lists of all characters of a set are no texts
        for line in gzip.decompress(page.read_bytes()).decode("utf-8", "ignore").splitlines():
            if line[:1] not in ".'" and not re.search(r"\\[(\[*]|^\d+\s\d+\s[0-9A-F]{2}\b", line):
                yield from _clean(re.sub(r"\\f.|\\[|&/c]", "", line).replace("\\-", "-").replace("\\", ""))


def _messages(folder: Path) -> Iterator[str]:
    for pack in folder.rglob("*.xpi"):
        with zipfile.ZipFile(pack) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith((".ftl", ".properties")):
                    for line in archive.read(name).decode("utf-8", "ignore").splitlines():
                        found = re.match(r"^(?!#)\s*(?:[\w.-]+\s*=\s*)?([^\s\[*{}].*)$", line)
                        if found:
                            yield from _clean(re.sub(r"<[^>]*>|\{[^}]*\}|%\S*", "", found[1]))


def _clean(text: str) -> Iterator[str]:
    line = " ".join(unicodedata.normalize("NFC", text).split())
    if len(line) > 20:
        yield line


def encoded(line: str, encoding: str) -> bytes | None:
    """The line in this encoding, as people would write it; None if it has no characters for it."""
    plain = line.translate(REPLACED)
    for attempt in (line, plain, plain.translate(COMMA if encoding == "iso-8859-16" else CEDILLA)):
        for form in (attempt, _vietnamese(attempt)) if encoding == "cp1258" else (attempt,):
            try:
                return form.encode(encoding)
            except UnicodeEncodeError:
                continue
    return None


def _vietnamese(text: str) -> str:
    """The tone as a character of its own, as Windows-1258 has it."""
    tones = "\u0300\u0301\u0303\u0309\u0323"
    parts: list[str] = []
    for character in text:
        whole = unicodedata.normalize("NFD", character)
        tone = next((mark for mark in whole[1:] if mark in tones), "")
        parts.append(unicodedata.normalize("NFC", whole.replace(tone, "")) + tone if tone else character)
    return "".join(parts)


def passages(sources: list[list[str]], encoding: str, number: int) -> Iterator[tuple[int, bytes]]:
    """(size, bytes): ``number`` passages of each source and size, from random places, always the same."""
    chance = random.Random(encoding)
    newline = "\n".encode(encoding)
    for lines in sources:
        starts = [at for at, line in enumerate(lines) if not line.isascii()]
        for size in SIZES:
            for start in chance.choices(starts, k=number):
                data = b""
                for line in (lines[start:] + lines[:start])[:400]:
                    if len(data) >= size:
                        break
                    written = encoded(line, encoding)
                    data += written + newline if written else b""
                if len(data) >= size and not data.decode(encoding).isascii():
                    yield size, data


def _decoded(ask: Callable[[Any, bytes], str], module: Any, data: bytes) -> str:
    """A text in the encoding that a library finds."""
    return data.decode(ask(module, data))


def detectors(peers: bool) -> dict[str, Callable[[bytes], str]]:
    """Name -> bytes to text. Peers that are not installed are left out."""
    from pillion.readers.documents.charset import decoded

    found: dict[str, Callable[[bytes], str]] = {"pillion": decoded}
    names: dict[str, tuple[str, Callable[[Any, bytes], str]]] = {
        "charset-normalizer": ("charset_normalizer", lambda module, data: module.from_bytes(data).best().encoding),
        "chardet": ("chardet", lambda module, data: module.detect(data, compat_names=False)["encoding"]),
        "chardetng": ("chardetng_py", lambda module, data: module.detect(data)),
        "cchardet": ("cchardet", lambda module, data: module.detect(data)["encoding"]),
    }
    for name, (module_name, ask) in names.items() if peers else ():
        try:
            module = importlib.import_module(module_name)
        except ImportError:
            print(f"{name} is not installed: left out")
            continue
        found[name] = partial(_decoded, ask, module)
    return found


def weakest(score: Score, goal: float) -> Iterator[str]:
    """The cells below the goal, the weakest first: ``hr iso-8859-2 83 % (of 60)``."""
    cells = sorted((right / total, total, cell) for cell, (right, total) in score.cells.items())
    for share, total, (language, encoding) in cells:
        if share < goal:
            yield f"{language} {encoding} {100 * share:.0f} % (of {total})"


def measure(detector: Callable[[bytes], str], given: list[tuple[str, str, int, bytes]]) -> Score:
    from pillion import _core

    score = Score()
    for language, encoding, size, data in given:
        start = time.perf_counter()
        try:
            text = detector(data)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
        score.seconds += time.perf_counter() - start
        score.found += _core.media_class(_core.sniff(data)) == "text"
        right = text.translate(CEDILLA) == data.decode(encoding).translate(CEDILLA)
        score.add((language, encoding), size, right)
        if not right:
            score.wrong.append((language, encoding, text))
    return score


def table(score: Score) -> Iterator[str]:
    """Rows: languages; columns: the encodings that each has been written in, with the share of right answers in %."""
    languages = sorted({language for language, _ in score.cells})
    for language in languages:
        cells = [
            f"{encoding} {100 * right / total:.0f}"
            for (said, encoding), (right, total) in score.cells.items()
            if said == language
        ]
        yield f"{language:6} {100 * (score.share(language) or 0):5.1f}   {'  '.join(cells)}"


def report(scores: dict[str, Score]) -> Iterator[str]:
    encodings = list(dict.fromkeys(encoding for score in scores.values() for _, encoding in score.cells))
    languages = list(dict.fromkeys(language for score in scores.values() for language, _ in score.cells))
    for name, score in scores.items():
        yield f"\n== {name}: % of passages read right, by language and encoding =="
        yield from table(score)
    yield f"\n{'encoding':14}" + "".join(f"{name:>20}" for name in scores)
    for encoding in encodings:
        yield f"{encoding:14}" + "".join(_percent(score.share(encoding=encoding)) for score in scores.values())
    for size in SIZES:
        shares = (score.sizes[size][0] / max(1, score.sizes[size][1]) for score in scores.values())
        yield f"{f'{size} bytes':14}" + "".join(map(_percent, shares))
    yield f"{'all passages':14}" + "".join(_percent(score.share()) for score in scores.values())
    cells = [[right / total for right, total in score.cells.values()] for score in scores.values()]
    yield f"{'mean of cells':14}" + "".join(_percent(sum(shares) / len(shares)) for shares in cells)
    yield f"{'ms a passage':14}" + "".join(
        f"{1000 * score.seconds / sum(total for _, total in score.cells.values()):20.2f}" for score in scores.values()
    )
    total = sum(total for _, total in next(iter(scores.values())).cells.values())
    yield f"{total} passages, {len(languages)} languages, {len(encodings)} encodings"


def _percent(share: float | None) -> str:
    return f"{'-' if share is None else f'{100 * share:.1f}':>20}"


def main() -> int:
    parser = argparse.ArgumentParser(description="How often the character set of a text is found.")
    parser.add_argument("--peers", action="store_true", help="also other libraries, where they are installed")
    parser.add_argument("--only", default="", help="languages or encodings, separated by commas")
    parser.add_argument("--number", type=int, default=10, help="passages for each language, source, encoding and size")
    parser.add_argument("--wrong", type=int, default=0, metavar="N", help="print N passages that were read wrongly")
    parser.add_argument("--goal", type=float, default=0.0, help="the share in percent that Pillion must reach")
    arguments = parser.parse_args()
    only = set(filter(None, arguments.only.split(",")))
    try:
        found = texts(native.cache_dir() / "texts")
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    given = [
        (language, encoding, size, data)
        for language, sources in sorted(found.items())
        for encoding in (UNICODE + " " + ENCODINGS[language]).split()
        if not only or language in only or encoding in only
        for size, data in passages(sources, encoding, arguments.number)
    ]
    scores = {name: measure(detector, given) for name, detector in detectors(arguments.peers).items()}
    print("\n".join(report(scores)))
    wrong = scores["pillion"].wrong
    for language, encoding, text in random.Random(0).sample(wrong, min(arguments.wrong, len(wrong))):
        print(f"{language} {encoding}: {text[:160]!r}")
    print(f"taken for text by the sniffer: {scores['pillion'].found:,} of {len(given):,}")
    below = list(weakest(scores["pillion"], WEAK))
    print(
        f"cells below {100 * WEAK:.0f} %: {len(below)} of {len(scores['pillion'].cells)}: {', '.join(below) or 'none'}"
    )
    return int(100 * (scores["pillion"].share() or 0) < arguments.goal)


if __name__ == "__main__":
    sys.exit(main())
