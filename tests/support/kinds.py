"""Kinds with other limits, for one test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from pillion.kinds import registry
from pillion.kinds.spec import KindSpec
from pillion.model import SidecarKind


def limit(monkeypatch: pytest.MonkeyPatch, kind: str, **changes: Any) -> None:
    """Let the jobs of a kind run under other limits in this process (see :class:`pillion.kinds.spec.Limits`)."""
    change(monkeypatch, kind, limits=replace(registry.spec(kind).limits, **changes))


def change(monkeypatch: pytest.MonkeyPatch, kind: str, **changes: Any) -> None:
    """Let a kind have another record in this process (see :class:`pillion.kinds.spec.KindSpec`)."""
    name = SidecarKind(kind)
    specs = cast("dict[SidecarKind, KindSpec]", registry.specs())
    monkeypatch.setitem(specs, name, replace(registry.spec(name), **changes))
