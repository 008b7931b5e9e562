"""How many files of ours a job passes through: limits with some room over what tools/route.py measures today."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "route.py"
ATTEMPTS = 5
"""In a slow run the follower of the search index looks once more, and a worker sends in parts; the lowest counts."""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("route_under_test", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["route_under_test"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    ("story", "files", "moves"),
    [
        ("photograph", 23, 85),
        ("search", 8, 42),
        pytest.param("page", 13, 58, marks=pytest.mark.models),
        ("ready", 9, 16),
        ("request", 13, 36),
    ],
)
def test_a_job_passes_through_few_files(tool: ModuleType, story: str, files: int, moves: int) -> None:
    for _ in range(ATTEMPTS):
        route = tool.route(story, runs=1)
        if len(route.visits) <= files and len(route.moves) <= moves:
            break
    assert len(route.visits) <= files, route.visits
    assert len(route.moves) <= moves, route.visits


def test_a_series_of_moves_that_repeats_at_once_counts_once(tool: ModuleType) -> None:
    moves: list[str] = []
    for file in "abcbcbcabcda":
        moves.append(file)
        tool.drop_repeated(moves)
    assert "".join(moves) == "abcda"
