"""Engines keep to the limit that OpenMP keeps to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pillion import machine


@pytest.mark.parametrize(("limit", "expected"), [("1", 1), ("0", 1), ("", None), ("many", None), ("100000", None)])
def test_the_limit_of_openmp_is_kept(limit: str, expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)
    cores = machine.threads_available()
    monkeypatch.setenv("OMP_THREAD_LIMIT", limit)
    assert machine.threads_available() == (expected or cores)


@pytest.mark.models
def test_vectors_are_right_under_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """CTranslate2 returns wrong numbers where it gets fewer threads than it asks for: seen, not feared."""
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    code = """
from pillion import machine
from pillion.kinds.embedding import minilm
one, two = minilm.embed(["A man is eating food.", "A man is eating a piece of bread."], compute="float32")
print(float(one @ two))
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(run.stdout) == pytest.approx(0.7553, abs=5e-4)
