"""Kinds with other limits, for one test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pillion.kinds import registry
from pillion.model import SidecarKind


def limit(monkeypatch: pytest.MonkeyPatch, kind: str, **changes: Any) -> None:
    """Let the jobs of a kind run under other limits in this process (see :class:`pillion.kinds.spec.Limits`)."""
    name = SidecarKind(kind)
    spec = registry.spec(name)
    monkeypatch.setitem(registry.specs(), name, replace(spec, limits=replace(spec.limits, **changes)))  # type: ignore[arg-type]
