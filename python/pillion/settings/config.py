"""A library's config.toml: read, checked, and turned into typed settings.

An unknown key or a value out of range raises ConfigError with its line and the nearest valid name. The file belongs to
the user: Pillion writes it once, when the library is made, and only reads it afterwards.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pillion.errors import ConfigError
from pillion.kinds import registry
from pillion.kinds.settings import nearest, one_of
from pillion.model import POLICY_NAMES, SidecarKind
from pillion.settings.checks import CTIME, SECTIONS, WHEN_KEYS, Changes, Checker
from pillion.settings.hours import When, parse_span

MIB = 1024 * 1024

TEMPLATE = """\
# Settings of this Pillion library. Everything is optional; lines that are commented out show the defaults.
# What each key means: docs/configuration.md

policy = "{policy}"            # what this device generates: "mobile", "desktop", "server", or your own policy

[discovery]
# ignore = []                 # globs, as in .gitignore: ["*.tmp", "/private/"]
# hidden = false              # true: also files and folders whose name starts with a dot
# follow_links = false        # true: also the files and folders that symbolic links lead to, each file once
# system_folders = false      # also @eaDir, #recycle, $RECYCLE.BIN, lost+found and the like

[identification]
# sample_above = 67108864     # bytes; larger files are identified by a sampled hash
# trust = "ctime"             # "mtime": do not read files again whose ctime alone differs (after chmod -R, say)

[work]
# workers = 0                 # child processes; 0: one per core
# concurrency = {{ ocr = 1 }}   # how many of them a kind may use at a time
# memory_limit = 3221225472   # bytes that a worker may use before its item is stopped
# memory_budget = 12884901888 # bytes for all workers together (default: three quarters of the machine's memory)
# max_pixels = 268435456      # larger pictures are refused
# sandbox = "auto"            # "require": no workers where they cannot be confined; "off": not confined
# from_peers = ["thumb"]      # kinds taken from other devices where that is quicker (default: all but large ones)
# quiet_hours = "22:00-07:00" # local time in which ocr, transcripts and embeddings do not run
# on_battery = true           # false: they also do not run while the machine is on battery

[watch]
# settle_ms = 500             # how long a new file must stay as it is before it is read
# poll_seconds = 30           # how often folders are looked at that cannot be watched (network disks)
# rescan_hours = 24           # how often everything is looked at, whatever was noticed; 0: only at the start

[failures]
# retry_after_days = 365      # what failed is tried again by an index after so many days; 0: never

[pdf]
# passwords_file = "pdf-passwords.txt" # a password on each line, tried in order

# What is generated, on top of the policy:
# [thumb]
# variants = ["grid@2x", "detail@1x", "grid@3x"] # or a table of sizes of your own, see docs/configuration.md
# quality = 85                # 0 to 100; or by variant: {{ "icon" = 75 }} (default: 80 to 90, by variant)
# method = 2                  # WebP effort, 0 (fast) to 6 (small); or by variant: {{ "detail@1x" = 4 }}
# [ocr]
# languages = ["auto"]        # detect it for each page, among those installed; or Tesseract's codes: ["eng", "deu"]
# engine = "auto"             # what reads images: "tesseract", "rapidocr", or the one that suits each image
# [transcript]
# model = "base"
# language = "en"             # without this line: detected
# quiet_hours = ["07:00-12:00", "13:00-23:00"]
# [embeddings]
# enable = true
# [picture-embeddings]        # pictures are found by what they show; in no policy
# enable = true

# The same for one folder:
# [locations."/home/me/Pictures"]
# transcript.enable = false

# A policy of your own, to name above:
# [policies.laptop]
# base = "desktop"
# thumb.variants = ["grid@2x"]
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnPolicy:
    """A policy from config.toml: the policy ``base`` with changes, kind -> key -> value."""

    base: str
    kinds: Mapping[SidecarKind, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """The settings of a library. Sizes are in bytes, ``passwords_file`` is an absolute path.

    ``kinds`` and ``locations`` (absolute path -> kinds) change the policy. ``when``: when each kind may run, with
    defaults filled in; ``location_when``: the same for Locations with hours of their own; ``has_hours``:
    whether any of them ever holds anything back.
    """

    policy: str = "desktop"
    ignore: tuple[str, ...] = ()
    hidden: bool = False
    system_folders: bool = False
    follow_links: bool = False
    sample_above: int = 64 * MIB
    trust: str = CTIME
    passwords_file: str | None = None
    retry_after_days: int = 365
    settle_ms: int = 500
    poll_seconds: int = 30
    rescan_hours: int = 24
    workers: int = 0
    concurrency: Mapping[str, int] = field(default_factory=dict)
    memory_limit: int = 3072 * MIB
    memory_budget: int | None = None
    max_pixels: int = 1 << 28
    sandbox: str = "auto"
    from_peers: tuple[str, ...] | None = None
    kinds: Mapping[SidecarKind, Mapping[str, Any]] = field(default_factory=dict)
    locations: Mapping[str, Mapping[SidecarKind, Mapping[str, Any]]] = field(default_factory=dict)
    policies: Mapping[str, OwnPolicy] = field(default_factory=dict)
    when: Mapping[SidecarKind, When] = field(default_factory=lambda: {kind: When() for kind in registry.names()})
    location_when: Mapping[str, Mapping[SidecarKind, When]] = field(default_factory=dict)
    has_hours: bool = False


def variants_of(config: Config, kind: SidecarKind) -> tuple[str, ...]:
    """All variants of a kind that can be asked for: its own, and those that config.toml defines."""
    own = config.kinds.get(kind, {}).get("defined", {})
    return tuple(dict.fromkeys([*registry.spec(kind).variants, *own]))


def unknown_locations(config: Config, paths: Iterable[str]) -> list[str]:
    """A sentence about each path in [locations] that is not among the library's Locations (``paths``)."""
    known = list(paths)
    return [
        f"config.toml has settings for {path}, which is not a Location of this library{nearest(path, known) or '.'}"
        for path in dict.fromkeys([*config.locations, *config.location_when])
        if path not in known
    ]


def load_config(path: Path) -> Config:
    """Read and check ``path``; if there is no file, all settings are the defaults. Raises ConfigError."""
    try:
        text = _text_of(path)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        remedy = "; give yourself the right to read it" if isinstance(error, PermissionError) else ""
        raise ConfigError(f"Cannot read {path}: {error.strerror or error}{remedy}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}, is not text in UTF-8: save it with that encoding.") from error
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise ConfigError(f"{path} has a line with more than {_MOST_DOTS} dots.")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply.") from error
    return _Reader(Checker(path, text), data).config()


_LARGEST = 1 << 18
_MOST_DOTS = 500
"""The standard parser takes time by the square of the parts of a key."""


def _text_of(path: Path) -> str:
    """The file's text. A library may come from elsewhere, so a pipe, a device and a huge file are not waited for.

    Raises OSError, UnicodeDecodeError, ConfigError.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ConfigError(f"{path} is not a regular file.")
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ConfigError(f"{path} is larger than {_LARGEST // 1024} KiB.")
    return data.decode("utf-8-sig").replace("\r\n", "\n")


class _Reader:
    """Turns the data of one file into a Config."""

    def __init__(self, checker: Checker, data: Mapping[str, Any]) -> None:
        self._checker = checker
        self._data = data

    def config(self) -> Config:
        kinds_here = (*registry.names(), *registry.notices())
        known = ("policy", *SECTIONS, *kinds_here, "locations", "policies")
        for name in self._data:
            if name not in known:
                raise self._checker.unknown_key((name,), known)
        self._checker.define(self._data)
        sections = {name: self._section(name) for name in SECTIONS}
        when = {name: sections["work"].pop(name) for name in WHEN_KEYS if name in sections["work"]}
        kinds, _ = self._checker.kinds((), {name: self._data[name] for name in kinds_here if name in self._data}, {})
        policies = self._policies()
        policy = self._policy([*POLICY_NAMES, *policies])
        own = policies[policy][1] if policy in policies else {}
        layers = [_for_heavy(when), _when(own), _when(kinds)]
        locations = self._locations()
        location_when = {
            path: _resolved([*layers, _for_heavy(hours), _when(changes)])
            for path, (changes, hours) in locations.items()
            if hours or any(_when(changes).values())
        }
        tables = [_resolved(layers), *location_when.values()]
        return Config(
            policy=policy,
            kinds=_without_when(kinds),
            locations={path: _without_when(changes) for path, (changes, _) in locations.items()},
            policies={name: policy for name, (policy, _) in policies.items()},
            when=tables[0],
            location_when=location_when,
            has_hours=any(when != When() for table in tables for when in table.values()),
            **{name: value for values in sections.values() for name, value in values.items()},
        )

    def _section(self, name: str) -> dict[str, Any]:
        values = self._checker.section((name,), self._data.get(name, {}), SECTIONS[name])
        if "passwords_file" in values:
            folder = self._checker.path.absolute().parent
            values["passwords_file"] = str(folder / Path(values["passwords_file"]).expanduser())
        return {key: tuple(value) if key in ("ignore", "from_peers") else value for key, value in values.items()}

    def _policy(self, names: list[str]) -> str:
        name: str = self._checker.value(("policy",), self._data.get("policy", "desktop"), one_of(names))
        return name

    def _policies(self) -> dict[str, tuple[OwnPolicy, Changes]]:
        """Name -> (policy, its kinds' tables). One with the name of a built-in policy changes that policy."""
        result = {}
        for name, table in self._checker.table(("policies",), self._data.get("policies", {})).items():
            kinds, rest = self._checker.kinds(("policies", name), table, {"base": one_of(POLICY_NAMES)})
            base = rest.get("base", name if name in POLICY_NAMES else "desktop")
            result[name] = (OwnPolicy(base=base, kinds=_without_when(kinds)), kinds)
        return result

    def _locations(self) -> dict[str, tuple[Changes, dict[str, Any]]]:
        """Absolute path -> (kinds' tables, hours)."""
        result = {}
        for name, table in self._checker.table(("locations",), self._data.get("locations", {})).items():
            path = Path(name).expanduser()
            if not path.is_absolute():
                raise self._checker.error(("locations", name), f"'{name}' must be an absolute path.")
            result[str(path)] = self._checker.kinds(("locations", name), table, WHEN_KEYS)
        return result


def _for_heavy(values: dict[str, Any]) -> Changes:
    return {kind: values for kind, spec in registry.specs().items() if spec.heavy}


def _when(kinds: Changes) -> Changes:
    return {kind: {key: value for key, value in table.items() if key in WHEN_KEYS} for kind, table in kinds.items()}


def _without_when(kinds: Changes) -> Changes:
    return {kind: {key: value for key, value in table.items() if key not in WHEN_KEYS} for kind, table in kinds.items()}


def _resolved(layers: list[Changes]) -> dict[SidecarKind, When]:
    """When each kind may run: each key has the value of the last layer that sets it."""
    result = {}
    for kind in registry.names():
        values = {key: value for layer in layers for key, value in layer.get(kind, {}).items()}
        hours = values.get("quiet_hours", [])
        spans = tuple(parse_span(span) for span in ([hours] if isinstance(hours, str) else hours))
        result[kind] = When(quiet=spans, on_battery=values.get("on_battery", True))
    return result
