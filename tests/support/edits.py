"""How far one sequence is from another: for error rates of characters and of words."""

from __future__ import annotations

from collections.abc import Sequence


def edit_rate(want: Sequence[str], got: Sequence[str]) -> float:
    """Edits that turn ``got`` into ``want``, per item of ``want``."""
    row = list(range(len(got) + 1))
    for i, w in enumerate(want, 1):
        previous, row[0] = row[0], i
        for j, g in enumerate(got, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (w != g))
    return row[-1] / max(len(want), 1)
