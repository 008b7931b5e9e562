"""What people are told: sentences without what is nothing to them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion.errors import reason

SOURCES = Path(__file__).parents[2] / "python/pillion"

_SYSTEM = {name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, OSError)}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (FileNotFoundError(2, "No such file or directory", "/a/b"), "No such file or directory"),
        (TimeoutError("timed out"), "timed out"),
        (OSError(), "OSError"),
        (ValueError("It is damaged."), "It is damaged"),
    ],
)
def test_a_reason_has_no_number(error: Exception, said: str) -> None:
    assert reason(error) == said


def _told_raw(tree: ast.AST) -> Iterator[int]:
    """Lines of handlers of the system's errors that put one into a text as it is, with its number."""
    for handler in ast.walk(tree):
        if not (isinstance(handler, ast.ExceptHandler) and handler.name and handler.type):
            continue
        caught = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
        if not caught & _SYSTEM:
            continue
        for node in ast.walk(handler):
            shown = node.value if isinstance(node, ast.FormattedValue) else None
            if isinstance(shown, ast.Name) and shown.id == handler.name:
                yield node.lineno


def test_no_error_of_the_system_is_told_with_its_number() -> None:
    told = [f"{path}:{line}" for path in SOURCES.rglob("*.py") for line in _told_raw(ast.parse(path.read_bytes()))]
    assert not told, f"write reason(error) in place of error: {told}"
