"""What config.toml may hold: every key with what its value must be, and errors that name line and nearest right one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pillion.errors import ConfigError
from pillion.kinds import registry
from pillion.kinds.settings import Check, boolean, count, is_strings, nearest, some_of
from pillion.model import (
    SidecarKind,
)
from pillion.settings.hours import parse_span
from pillion.settings.lines import key_lines

Key = tuple[str, ...]
Changes = dict[SidecarKind, dict[str, Any]]
"""Kind -> key -> checked value."""


def _concurrency(value: Any) -> str | None:
    expected = "a table of kinds and the workers that each may have at a time, e.g. { ocr = 1 }"
    if not isinstance(value, dict):
        return expected
    for name, number in value.items():
        if name not in registry.names():
            return expected + nearest(name, registry.names())
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            return f"{expected}: at least 1"
    return None


def _globs(value: Any) -> str | None:
    return None if is_strings(value) else "a list of globs"


def _hours(value: Any) -> str | None:
    spans = [value] if isinstance(value, str) and value else value
    expected = 'a span of hours such as "22:00-07:00", or a list of them'
    if not is_strings(spans):
        return expected
    try:
        for span in spans:
            parse_span(span)
    except ValueError as error:
        return f"{expected}: {error}"
    return None


WHEN_KEYS: Mapping[str, Check] = {"quiet_hours": _hours, "on_battery": boolean}
"""When work may run: keys of [work], of a kind and of a Location."""

SECTIONS: Mapping[str, Mapping[str, Check]] = {
    "discovery": {"ignore": _globs, "hidden": boolean},
    "identification": {"sample_above": count("bytes")},
    "work": {
        "workers": count("processes, 0 for one per core"),
        "concurrency": _concurrency,
        "memory_limit": count("bytes"),
        "max_pixels": count("pixels"),
        **WHEN_KEYS,
    },
}


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
        spec = registry.spec(kind)
        rules = {"enable": boolean, "variants": some_of(spec.variants), **spec.settings, **WHEN_KEYS}
        return self.section(key, value, rules)

    def kinds(self, key: Key, value: Any, others: Mapping[str, Check]) -> tuple[Changes, dict[str, Any]]:
        """A table of kinds' tables and of ``others``: (kinds, others)."""
        found: Changes = {}
        rest: dict[str, Any] = {}
        for name, item in self.table(key, value).items():
            if name in others:
                rest[name] = self.value((*key, name), item, others[name])
            elif name in registry.notices():
                continue
            elif name in registry.names():
                found[SidecarKind(name)] = self.kind((*key, name), SidecarKind(name), item)
            else:
                raise self.unknown((*key, name), [*registry.names(), *others])
        return found, rest
