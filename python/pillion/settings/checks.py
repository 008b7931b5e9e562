"""What config.toml may hold: every key with what its value must be, and errors that name line and nearest right one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pillion.errors import ConfigError
from pillion.kinds.ocr.language_table import AUTO
from pillion.model import (
    KIND_VARIANTS,
    OCR_ENGINES,
    THUMB_SPECS,
    TRANSCRIPT_LANGUAGES,
    WHISPER_SIZES,
    SidecarKind,
)
from pillion.settings.hours import parse_span
from pillion.settings.lines import key_lines

Key = tuple[str, ...]
Check = Callable[[Any], str | None]
"""None if a value is right, else what would be: the rest of "must be ..."."""

Changes = dict[SidecarKind, dict[str, Any]]
"""Kind -> key -> checked value."""

_TESSERACT_CODE = re.compile(r"[a-z]{3}([a-z_]*)|[a-z]+/[A-Za-z_]+")
_TESSERACT_OFTEN = (
    *("ara", "ces", "chi_sim", "chi_tra", "dan", "deu", "ell", "eng", "fin", "fra", "heb", "hin", "hun", "ita"),
    *("jpn", "kor", "nld", "nor", "pol", "por", "ron", "rus", "spa", "swe", "tur", "ukr"),
)


def nearest(word: object, names: Sequence[str]) -> str:
    """The end of a sentence that names the name nearest to ``word``; nothing where none is near."""
    near = difflib.get_close_matches(str(word), names, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""


def _count(of: str) -> Check:
    def check(value: Any) -> str | None:
        right = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return None if right else f"a number of {of}"

    return check


def _concurrency(value: Any) -> str | None:
    expected = "a table of kinds and the workers that each may have at a time, e.g. { ocr = 1 }"
    if not isinstance(value, dict):
        return expected
    kinds = [kind.value for kind in SidecarKind]
    for name, number in value.items():
        if name not in kinds:
            return expected + nearest(name, kinds)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            return f"{expected}: at least 1"
    return None


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _globs(value: Any) -> str | None:
    return None if _is_strings(value) else "a list of globs"


def one_of(names: Sequence[str]) -> Check:
    """One of these names."""
    shown = ", ".join(f'"{name}"' for name in names)

    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in names else f"one of {shown}{nearest(value, names)}"

    return check


def _some_of(names: Sequence[str]) -> Check:
    def check(value: Any) -> str | None:
        if not _is_strings(value) or not value:
            return f"a list of {', '.join(names)}"
        wrong = next((item for item in value if item not in names), None)
        return None if wrong is None else f"a list of {', '.join(names)}{nearest(wrong, names)}"

    return check


def _languages(value: Any) -> str | None:
    expected = 'a list of "auto" and Tesseract\'s language codes, e.g. ["auto"] or ["eng", "deu"]'
    if not _is_strings(value) or not value:
        return expected
    wrong = next((item for item in value if item != AUTO and not _TESSERACT_CODE.fullmatch(item)), None)
    return None if wrong is None else expected + nearest(wrong, _TESSERACT_OFTEN)


def _engine(value: Any) -> str | None:
    return None if value in OCR_ENGINES else f"one of {', '.join(OCR_ENGINES)}{nearest(value, OCR_ENGINES)}"


def _model(value: Any) -> str | None:
    is_path = isinstance(value, str) and ("/" in value or value.startswith(("~", ".")))
    if is_path or value in WHISPER_SIZES:
        return None
    return (
        f"one of {', '.join(WHISPER_SIZES)} or the path of a folder that holds a model{nearest(value, WHISPER_SIZES)}"
    )


def _language(value: Any) -> str | None:
    if value in TRANSCRIPT_LANGUAGES:
        return None
    return f'a language code, e.g. "en"{nearest(value, TRANSCRIPT_LANGUAGES)}'


def _methods(value: Any) -> str | None:
    expected = 'a WebP effort from 0 to 6, or a table of them by variant, e.g. { "detail@1x" = 4 }'
    efforts = value.values() if isinstance(value, dict) else [value]
    if any(isinstance(effort, bool) or effort not in range(7) for effort in efforts):
        return expected
    wrong = next((name for name in value if name not in THUMB_SPECS), None) if isinstance(value, dict) else None
    return None if wrong is None else expected + nearest(wrong, tuple(THUMB_SPECS))


def _hours(value: Any) -> str | None:
    spans = [value] if isinstance(value, str) and value else value
    expected = 'a span of hours such as "22:00-07:00", or a list of them'
    if not _is_strings(spans):
        return expected
    try:
        for span in spans:
            parse_span(span)
    except ValueError as error:
        return f"{expected}: {error}"
    return None


WHEN_KEYS: Mapping[str, Check] = {"quiet_hours": _hours, "on_battery": _boolean}
"""When work may run: keys of [work], of a kind and of a Location."""

SECTIONS: Mapping[str, Mapping[str, Check]] = {
    "discovery": {"ignore": _globs, "hidden": _boolean},
    "identification": {"sample_above": _count("bytes")},
    "work": {
        "workers": _count("processes, 0 for one per core"),
        "concurrency": _concurrency,
        "memory_limit": _count("bytes"),
        "max_pixels": _count("pixels"),
        **WHEN_KEYS,
    },
}
_KIND_KEYS: Mapping[SidecarKind, Mapping[str, Check]] = {
    SidecarKind.THUMB: {"method": _methods},
    SidecarKind.OCR: {"languages": _languages, "engine": _engine},
    SidecarKind.TRANSCRIPT: {"model": _model, "language": _language},
    SidecarKind.EMBEDDINGS: {},
}
KIND_NAMES = tuple(kind.value for kind in SidecarKind)


def shown(key: Key) -> str:
    """A key as one writes it."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"' for part in key)


class Checker:
    """Checks values of one parsed file; knows its text, so that every error names its line."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = key_lines(text)

    def fail(self, key: Key, message: str) -> ConfigError:
        """An error about ``key``."""
        while key and key not in self._lines:
            key = key[:-1]
        where = f"{self._path}, line {self._lines[key]}" if key else str(self._path)
        return ConfigError(f"{where}: {message}")

    def unknown(self, key: Key, names: Sequence[str]) -> ConfigError:
        """An error about a key that there is not."""
        hint = nearest(key[-1], names) or f"; known here: {', '.join(sorted(names))}."
        return self.fail(key, f"unknown key '{shown(key)}'{hint}")

    def value(self, key: Key, value: Any, check: Check) -> Any:
        """The value, if it is right."""
        expected = check(value)
        if expected is not None:
            mark = "" if expected.endswith("?") else "."
            asked, _, hint = expected.partition(";")
            raise self.fail(key, f"'{shown(key)}' must be {asked}, not {value!r}{f';{hint}' if hint else mark}")
        return value

    def table(self, key: Key, value: Any) -> Mapping[str, Any]:
        """The value, if it is a table."""
        if not isinstance(value, dict):
            raise self.fail(key, f"'{shown(key)}' must be a table: write [{shown(key)}].")
        return value

    def section(self, key: Key, value: Any, rules: Mapping[str, Check]) -> dict[str, Any]:
        """A table of these keys and no others."""
        result = {}
        for name, item in self.table(key, value).items():
            if name not in rules:
                raise self.unknown((*key, name), list(rules))
            result[name] = self.value((*key, name), item, rules[name])
        return result

    def kind(self, key: Key, kind: SidecarKind, value: Any) -> dict[str, Any]:
        """The table of one kind."""
        rules = {"enable": _boolean, "variants": _some_of(KIND_VARIANTS[kind]), **_KIND_KEYS[kind], **WHEN_KEYS}
        return self.section(key, value, rules)

    def kinds(self, key: Key, value: Any, others: Mapping[str, Check]) -> tuple[Changes, dict[str, Any]]:
        """A table of kinds' tables and of ``others``: (kinds, others)."""
        found: Changes = {}
        rest: dict[str, Any] = {}
        for name, item in self.table(key, value).items():
            if name in others:
                rest[name] = self.value((*key, name), item, others[name])
            elif name in KIND_NAMES:
                found[SidecarKind(name)] = self.kind((*key, name), SidecarKind(name), item)
            else:
                raise self.unknown((*key, name), [*KIND_NAMES, *others])
        return found, rest
