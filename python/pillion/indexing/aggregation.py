"""Phase 3, aggregation: how many files and bytes each folder holds, with all that is below it."""

from __future__ import annotations

from collections.abc import Iterable


def aggregate(files: Iterable[tuple[bytes, int]]) -> dict[bytes, tuple[int, int]]:
    """From (relative path, size in bytes): folder -> (files, bytes). The Location itself is ``b""``."""
    direct: dict[bytes, list[int]] = {b"": [0, 0]}
    for path, size in files:
        folder = path[: max(path.rfind(b"/"), 0)]
        total = direct.get(folder)
        if total is None:
            direct[folder] = [1, size]
        else:
            total[0] += 1
            total[1] += size
    totals: dict[bytes, list[int]] = {}
    for folder, (count, size) in direct.items():
        while True:
            total = totals.setdefault(folder, [0, 0])
            total[0] += count
            total[1] += size
            if not folder:
                break
            folder = folder[: max(folder.rfind(b"/"), 0)]
    return {folder: (count, size) for folder, (count, size) in totals.items()}
