"""Which parts of a recipe changed, found from the canonical JSON of the old and the new one. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MADE_FROM = "made_from"
"""The setting with the digest of the recipe of the sidecar that this one is made from."""

UNKNOWN = "recipe"
"""The part of a change when the old recipe is not known any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One part that differs. ``part``: generator, version, model, "setting NAME"; "text: ..." for the source's recipe.

    ``old`` and ``new`` are JSON values; None if there was no such setting.
    """

    part: str
    old: Any
    new: Any

    def to_json(self) -> dict[str, Any]:
        """``{part, old, new}``."""
        return {"part": self.part, "old": self.old, "new": self.new}

    def __str__(self) -> str:
        return f"{self.part} {_short(self.old)} -> {_short(self.new)}"


def changes(old: str, new: str, known: Mapping[str, str]) -> tuple[Change, ...]:
    """The differences between two recipes, given by digest. ``known``: digest -> canonical JSON."""
    if old not in known or new not in known:
        return (Change(part=UNKNOWN, old=old or None, new=new),)
    before, after = json.loads(known[old]), json.loads(known[new])
    result = [
        Change(part=part, old=before[part], new=after[part])
        for part in ("generator", "version", "model")
        if before[part] != after[part]
    ]
    if result and result[0].part == "generator":
        result = result[:1]
    for name in sorted({*before["settings"], *after["settings"]}):
        result.extend(_setting(name, before["settings"].get(name), after["settings"].get(name), known))
    return tuple(result)


def _setting(name: str, old: Any, new: Any, known: Mapping[str, str]) -> list[Change]:
    if old == new:
        return []
    if name != MADE_FROM or old is None or new is None:
        return [Change(part=f"setting {name}", old=old, new=new)]
    return [Change(part=f"text: {change.part}", old=change.old, new=change.new) for change in changes(old, new, known)]


def _short(value: Any) -> str:
    """A value for one line of output; long ones, such as hashes of models, are shortened."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{text[:20]}..." if len(text) > 40 else text or '""'
