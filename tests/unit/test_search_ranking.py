"""Scores joined and spread: what they keep, and whom they help."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pillion.search import ranking


def unit(*values: float) -> NDArray[np.float32]:
    row = np.array(values, dtype=np.float32)
    return row / np.float32(np.linalg.norm(row))


def test_what_means_the_same_as_good_ones_gains() -> None:
    vectors = {"good": unit(1, 0.1), "like it": unit(1, 0.2), "apart": unit(-0.1, 1)}
    scores = {"good": 1.0, "like it": 0.5, "apart": 0.5}
    spread = ranking.spread(scores, ranking.Near(vectors))
    assert spread["good"] > spread["like it"] > spread["apart"]
    assert all(0 <= score <= 1 for score in spread.values())


def test_a_file_without_a_vector_keeps_its_place() -> None:
    vectors = {"first": unit(1, 0), "third": unit(1, 0.01)}
    scores = {"first": 1.0, "second": 0.7, "third": 0.4}
    spread = ranking.spread(scores, ranking.Near(vectors))
    usual = (spread["first"] + spread["third"]) / (1.0 + 0.4)
    assert spread["second"] == pytest.approx(0.7 * usual)


@pytest.mark.parametrize("vectors", [{}, {"a": unit(1, 0)}])
def test_without_neighbours_the_order_stays(vectors: dict[str, NDArray[np.float32]]) -> None:
    spread = ranking.spread({"a": 0.9, "b": 0.6}, ranking.Near(vectors))
    assert spread["a"] / spread["b"] == pytest.approx(1.5)


def test_only_the_nearest_count() -> None:
    near = {f"near {number}": unit(1, number / 100) for number in range(ranking.SPREAD_OVER + 1)}
    far = {f"far {number}": unit(0.01, 1) for number in range(20)}
    scores = dict.fromkeys(near, 1.0) | dict.fromkeys(far, 0.0)
    means = ranking.Near(near | far).means(scores)
    assert means["near 0"] == pytest.approx(1.0)
    assert means["far 0"] == pytest.approx(0.0)
