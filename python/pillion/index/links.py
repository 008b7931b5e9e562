"""Symbolic links to folders, followed: each folder is walked once, and none in a circle."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from pillion import _core

Walk = Callable[[bytes, Sequence[bytes]], _core.WalkResult]
"""(absolute path of a folder, what to leave out of it, by relative paths) -> what is in it. Raises ItemError."""


def followed(
    root: bytes, links: Sequence[bytes], others: Sequence[bytes], walk: Walk
) -> Iterator[tuple[bytes, _core.WalkResult]]:
    """(Path of the link in ``root``, what is in the folder that it leads to) for each link that leads to new files.

    ``links``: paths in ``root``; those found on the way are followed too. ``others``: real paths of folders whose files
    are known from elsewhere. A folder that holds ``root``, or one of these, is walked without them. Raises what
    ``walk`` does.
    """
    taken = [os.path.realpath(root), *others]
    waiting = deque(sorted(links))
    while waiting:
        link = waiting.popleft()
        target = os.path.realpath(os.path.join(root, link))
        if any(_is_inside(target, folder) for folder in taken):
            continue
        inside = [os.path.relpath(folder, target) for folder in taken if _is_inside(folder, target)]
        result = walk(os.path.join(root, link), sorted(inside))
        taken.append(target)
        waiting.extend(link + b"/" + path for path in result.links)
        yield link, result


def _is_inside(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")
