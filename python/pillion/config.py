"""A library's config.toml: read, checked, and turned into typed settings.

Every unknown key and every value out of range raises ConfigError with the line it stands on and the nearest right
name. The file is the user's: Pillion writes it once, when the library is made, and only reads it afterwards.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pillion.errors import ConfigError
from pillion.model import KIND_VARIANTS, SidecarKind

MIB = 1024 * 1024

TEMPLATE = """\
# Settings of this Pillion library. Everything is optional; what is commented out shows the default.
# What each key means: docs/configuration.md

policy = "{policy}"            # what this device generates: "mobile", "desktop" or "server"

[discovery]
# ignore = []                 # globs, as in .gitignore: ["*.tmp", "/private/"]
# hidden = false              # also files and folders whose name starts with a dot

[identification]
# sample_above = 67108864     # bytes; larger files are identified by a sampled hash

[work]
# workers = 0                 # child processes; 0: one per core
# memory_limit = 3221225472   # bytes a worker may use before its item is stopped
# max_pixels = 268435456      # larger pictures are refused

# What is generated, on top of the policy:
# [thumb]
# variants = ["grid@2x", "detail@1x", "grid@3x"]
# [ocr]
# languages = ["eng"]
# [transcript]
# model = "base"
# language = "en"             # leave out: detected
# [embeddings]
# enable = true

# The same for one folder:
# [locations."/home/me/Pictures"]
# transcript.enable = false
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """The settings of a library. Sizes are bytes."""

    policy: str = "desktop"
    ignore: tuple[str, ...] = ()
    hidden: bool = False
    sample_above: int = 64 * MIB
    workers: int = 0
    memory_limit: int = 3072 * MIB
    max_pixels: int = 1 << 28
    kinds: Mapping[SidecarKind, Mapping[str, Any]] = field(default_factory=dict)
    locations: Mapping[str, Mapping[SidecarKind, Mapping[str, Any]]] = field(default_factory=dict)


Check = Callable[[Any], bool]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _one_of(names: Sequence[str]) -> Check:
    return lambda value: isinstance(value, str) and value in names


def _some_of(names: Sequence[str]) -> Check:
    return lambda value: _is_strings(value) and bool(value) and all(item in names for item in value)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


_TOP: Mapping[str, tuple[Check, str]] = {
    "policy": (_one_of(("mobile", "desktop", "server")), '"mobile", "desktop" or "server"'),
}
_SECTIONS: Mapping[str, Mapping[str, tuple[Check, str]]] = {
    "discovery": {"ignore": (_is_strings, "a list of globs"), "hidden": (_is_bool, "true or false")},
    "identification": {"sample_above": (_is_count, "a number of bytes")},
    "work": {
        "workers": (_is_count, "a number of processes, 0 for one per core"),
        "memory_limit": (_is_count, "a number of bytes"),
        "max_pixels": (_is_count, "a number of pixels"),
    },
}
_KIND_KEYS: Mapping[SidecarKind, Mapping[str, tuple[Check, str]]] = {
    SidecarKind.THUMB: {},
    SidecarKind.OCR: {"languages": (_is_strings, 'a list of Tesseract language codes, e.g. ["eng", "deu"]')},
    SidecarKind.TRANSCRIPT: {
        "model": (_is_text, "a model name or the path of a folder that holds one"),
        "language": (_is_text, 'a language code, e.g. "en"'),
    },
    SidecarKind.EMBEDDINGS: {},
}


class _Reader:
    """Checks one parsed file against the tables above; knows the text so that it can name lines."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def fail(self, key: str, message: str) -> ConfigError:
        leaf = key.rsplit(".", 1)[-1].strip('"')
        numbers = [n for n, line in enumerate(self._lines, 1) if leaf in line.split("#", 1)[0]]
        where = f"{self._path}, line {numbers[0]}" if numbers else str(self._path)
        return ConfigError(f"{where}: {message}")

    def unknown(self, key: str, names: Sequence[str]) -> ConfigError:
        near = difflib.get_close_matches(key.rsplit(".", 1)[-1], names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(sorted(names))}."
        return self.fail(key, f"unknown key '{key}'; {hint}")

    def value(self, key: str, value: Any, rule: tuple[Check, str]) -> Any:
        check, expected = rule
        if not check(value):
            raise self.fail(key, f"'{key}' must be {expected}, not {value!r}.")
        return value

    def table(self, key: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(key, f"'{key}' must be a table: write [{key}].")
        return value

    def kind(self, key: str, kind: SidecarKind, value: Any) -> dict[str, Any]:
        variants = KIND_VARIANTS[kind]
        rules = {
            "enable": (_is_bool, "true or false"),
            "variants": (_some_of(variants), f"a list of {', '.join(variants)}"),
            **_KIND_KEYS[kind],
        }
        result = {}
        for name, item in self.table(key, value).items():
            if name not in rules:
                raise self.unknown(f"{key}.{name}", list(rules))
            result[name] = self.value(f"{key}.{name}", item, rules[name])
        return result

    def kinds(self, key: str, value: Any) -> dict[SidecarKind, Mapping[str, Any]]:
        names = [kind.value for kind in SidecarKind]
        result: dict[SidecarKind, Mapping[str, Any]] = {}
        for name, item in self.table(key, value).items():
            if name not in names:
                raise self.unknown(f"{key}.{name}", names)
            result[SidecarKind(name)] = self.kind(f"{key}.{name}", SidecarKind(name), item)
        return result

    def config(self, data: Mapping[str, Any]) -> Config:
        values: dict[str, Any] = {}
        kinds: dict[SidecarKind, Mapping[str, Any]] = {}
        locations: dict[str, Mapping[SidecarKind, Mapping[str, Any]]] = {}
        kind_names = [kind.value for kind in SidecarKind]
        for name, item in data.items():
            if name in _TOP:
                values[name] = self.value(name, item, _TOP[name])
            elif name in _SECTIONS:
                values.update(self.section(name, item))
            elif name in kind_names:
                kinds[SidecarKind(name)] = self.kind(name, SidecarKind(name), item)
            elif name == "locations":
                for path, changes in self.table(name, item).items():
                    locations[str(Path(path).expanduser())] = self.kinds(f'locations."{path}"', changes)
            else:
                raise self.unknown(name, [*_TOP, *_SECTIONS, *kind_names, "locations"])
        return Config(kinds=kinds, locations=locations, **values)

    def section(self, name: str, item: Any) -> dict[str, Any]:
        rules = _SECTIONS[name]
        result = {}
        for key, value in self.table(name, item).items():
            if key not in rules:
                raise self.unknown(f"{name}.{key}", list(rules))
            checked = self.value(f"{name}.{key}", value, rules[key])
            result[key] = tuple(checked) if isinstance(checked, list) else checked
        return result


def load_config(path: Path) -> Config:
    """Read and check ``path``; a file that is not there means all defaults. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {path}: {error}.") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    return _Reader(path, text).config(data)
