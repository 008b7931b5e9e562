"""tools/native.py: what a build is told of its tools."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "native.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("native_under_test", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["native_under_test"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("given", "used"), [({}, "-O1"), ({"NASMENV": "-Ox"}, "-Ox")])
def test_nasm_takes_the_short_way_unless_told_otherwise(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], used: str
) -> None:
    monkeypatch.setattr(tool, "needs_nasm", lambda: True)
    monkeypatch.setattr(tool, "ensure_program", lambda _name: tmp_path / "nasm")
    environ = {"PATH": "/usr/bin", **given}
    assert tool.add_nasm(environ)
    assert environ["NASMENV"] == used
    assert environ["PATH"].split(":")[0] == str(tmp_path)
