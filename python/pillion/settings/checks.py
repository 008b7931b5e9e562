"""What config.toml may contain: every key and its valid values, and errors that give the line and the nearest name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pillion.errors import ConfigError
from pillion.kinds import registry
from pillion.kinds.settings import (
    Check,
    all_or_by_variant,
    between,
    boolean,
    count,
    is_strings,
    nearest,
    one_of,
    some_of,
)
from pillion.kinds.spec import KindSpec
from pillion.model import (
    SidecarKind,
)
from pillion.settings.hours import parse_span
from pillion.settings.lines import key_lines

Key = tuple[str, ...]
MAKE = "make"
"""The key that says whether a variant is made for every file, or only where it is named or asked for."""

_NAME = re.compile(r"(?=.{1,64}$)[A-Za-z0-9][A-Za-z0-9@_-]*(?:\.[A-Za-z0-9@_-]+)*")
_MOST_WORKERS = 1024
"""More is a slip of the keyboard."""

Changes = dict[SidecarKind, dict[str, Any]]
"""Kind -> key -> checked value."""


def _concurrency(value: Any) -> str | None:
    expected = "a table of kinds and how many workers each may use at a time, e.g. { ocr = 1 }"
    if not isinstance(value, dict):
        return expected
    for name, number in value.items():
        if name not in registry.names():
            return expected + nearest(name, registry.names())
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            return f"{expected}: at least 1"
    return None


def _kinds(value: Any) -> str | None:
    expected = 'a list of kinds, e.g. ["thumb", "ocr"]'
    if not is_strings(value):
        return expected
    unknown = [name for name in value if name not in registry.names()]
    return expected + nearest(unknown[0], registry.names()) if unknown else None


def _path(value: Any) -> str | None:
    return None if isinstance(value, str) and value and "\0" not in value else "the path of a file"


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
"""The keys that say when work may run: in [work], for a kind and for a Location."""

CTIME, MTIME = "ctime", "mtime"
"""What must be as it was for a file to count as unchanged, beside its path and size."""

LEAST_MEMORY = 256 * 1024 * 1024
"""Bytes. A worker that has loaded its engines uses nearly as much: with less, as of gigabytes that were meant, none of
the files would be made, and each would be blamed for it."""

SECTIONS: Mapping[str, Mapping[str, Check]] = {
    "discovery": {"ignore": _globs, "hidden": boolean, "system_folders": boolean, "follow_links": boolean},
    "identification": {"sample_above": count("bytes"), "trust": one_of((CTIME, MTIME))},
    "pdf": {"passwords_file": _path},
    "watch": {
        "settle_ms": between(0, 600_000, "milliseconds"),
        "poll_seconds": between(1, 86_400, "seconds"),
        "rescan_hours": count("hours, 0 for never"),
    },
    "failures": {"retry_after_days": count("days, 0 for never")},
    "work": {
        "workers": between(0, _MOST_WORKERS, "processes, 0 for one per core,"),
        "concurrency": _concurrency,
        "memory_limit": count("bytes", least=LEAST_MEMORY),
        "memory_budget": count("bytes", least=LEAST_MEMORY),
        "max_pixels": count("pixels"),
        "sandbox": one_of(("require", "auto", "off")),
        "from_peers": _kinds,
        **WHEN_KEYS,
    },
}


def key_text(key: Key) -> str:
    """A key as it is written in the file."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"' for part in key)


class Checker:
    """Checks the values of one parsed file; has its text too, so that every error names the line."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._lines = key_lines(text)
        self._names: list[str] = []
        self._own: dict[SidecarKind, tuple[str, ...]] = {}
        self._defined: dict[SidecarKind, dict[str, Any]] = {}

    def error(self, key: Key, message: str) -> ConfigError:
        """An error about ``key``, with its line."""
        while key and key not in self._lines:
            key = key[:-1]
        where = f"{self.path}, line {self._lines[key]}" if key else str(self.path)
        return ConfigError(f"{where}: {message}")

    def unknown_key(self, key: Key, names: Sequence[str]) -> ConfigError:
        """An error about an unknown key; ``names`` are the known ones."""
        hint = nearest(key[-1], names) or f"; known here: {', '.join(sorted(names))}."
        return self.error(key, f"unknown key '{key_text(key)}'{hint}")

    def value(self, key: Key, value: Any, check: Check) -> Any:
        """The value, if ``check`` finds no fault in it. Raises ConfigError."""
        expected = check(value)
        if expected is not None:
            mark = "" if expected.endswith("?") else "."
            asked, _, hint = expected.partition(";")
            raise self.error(key, f"'{key_text(key)}' must be {asked}, not {value!r}{f';{hint}' if hint else mark}")
        return value

    def table(self, key: Key, value: Any) -> Mapping[str, Any]:
        """The value, if it is a table. Raises ConfigError."""
        if not isinstance(value, dict):
            raise self.error(key, f"'{key_text(key)}' must be a table: write [{key_text(key)}].")
        return value

    def section(self, key: Key, value: Any, rules: Mapping[str, Check]) -> dict[str, Any]:
        """The values of a table that may have only the keys in ``rules``. Raises ConfigError."""
        result = {}
        for name, item in self.table(key, value).items():
            if name not in rules:
                raise self.unknown_key((*key, name), list(rules))
            result[name] = self.value((*key, name), item, rules[name])
        return result

    def kind(self, key: Key, kind: SidecarKind, value: Any) -> dict[str, Any]:
        """The checked table of one kind."""
        spec = registry.spec(kind)
        names = (*spec.variants, *self._own.get(kind, ()))
        example = f'{{ "{spec.variants[-1]}" = 4 }}'
        by_variant = {name: all_or_by_variant(check, names, example) for name, check in spec.by_variant.items()}
        rules = {"enable": boolean, "variants": some_of(names), **spec.settings, **by_variant, **WHEN_KEYS}
        if len(key) == 1 and kind in self._defined:
            rest = {name: item for name, item in value.items() if name != "variants"}
            return {**self.section(key, rest, rules), **self._defined[kind]}
        return self.section(key, value, rules)

    def define(self, data: Mapping[str, Any]) -> None:
        """Check the variants that the file defines; from then on their names are known. Raises ConfigError."""
        for kind, spec in registry.specs().items():
            table = data.get(kind)
            variants = table.get("variants") if isinstance(table, dict) else None
            if isinstance(variants, dict) and spec.own_variants is not None:
                defined = {
                    name: self._definition((kind, "variants", name), spec, item) for name, item in variants.items()
                }
                self._own[kind] = tuple(name for name in defined if name not in spec.variants)
                self._defined[kind] = {
                    "variants": {name: table.pop(MAKE, True) for name, table in defined.items()},
                    "defined": {name: table for name, table in defined.items() if table},
                }

    def _definition(self, key: Key, spec: KindSpec, value: Any) -> dict[str, Any]:
        """One variant: of the user's own, or a change to one of the kind's."""
        assert spec.own_variants is not None
        name = key[-1]
        rules = {**spec.own_variants.rules, MAKE: boolean}
        if name in spec.variants:
            changeable = {part: rules[part] for part in (*spec.by_variant, MAKE)}
            for part in self.table(key, value):
                if part in rules and part not in changeable:
                    message = f"'{name}' has a fixed {part}: give a variant of your own another name."
                    raise self.error((*key, part), message)
            return self.section(key, value, changeable)
        alike = next((other for other in (*spec.variants, *self._names) if other.lower() == name.lower()), None)
        if not _NAME.fullmatch(name) or alike is not None:
            why = (
                f"differs from '{alike}' by its case only"
                if alike
                else "may have letters, digits and '-', '_', '.', '@'"
            )
            raise self.error(key, f"'{name}' cannot name a variant: its file's name {why}.")
        self._names.append(name)
        table = self.section(key, value, rules)
        missing = next((part for part in spec.own_variants.required if part not in table), None)
        if missing is not None:
            near = nearest(name, spec.variants)
            raise self.error(key, f"'{key_text(key)}' needs '{missing}'{near or '.'}")
        return table

    def kinds(self, key: Key, value: Any, others: Mapping[str, Check]) -> tuple[Changes, dict[str, Any]]:
        """Check a table that has a table for each kind, and the keys in ``others``: (kinds, others)."""
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
                raise self.unknown_key((*key, name), [*registry.names(), *others])
        return found, rest
