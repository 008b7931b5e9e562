"""Check the files of the index, and say what it takes. Reads only."""

from __future__ import annotations

import os
from pathlib import Path

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.search.index import FOLDER, Reader


def problems(root: Path) -> list[str]:
    """What is wrong with the index of a library, a sentence each; nothing if there is none."""
    try:
        if not (root / FOLDER / "words" / "meta.json").exists():
            return []
        reader = Reader(root)
        damaged = sorted(path.name for path in reader.words.damaged())
        wrong = [name for name, file in _files_of_vectors(reader) if not _is_whole(file)]
        reader.pictures()
    except ItemError as error:
        if error.error_class is ErrorClass.MISSING_SOURCE:
            return ["A file of the search index is missing; the next search builds it again."]
        return [f"The search index cannot be read ({error.message}); the next search builds it again."]
    except OSError as error:
        # Its files are another user's, for example: to build it again would fail, too.
        where = os.fsdecode(error.filename or root / FOLDER)
        return [
            f"The search index cannot be read ({where}: {error.strerror}); remove that folder to have it built again."
        ]
    messages = [f"{name} of the search index has other bytes than were written." for name in damaged]
    messages += [f"The file of {name} has other rows than it says." for name in wrong]
    return messages


def _files_of_vectors(reader: Reader) -> list[tuple[str, _core.VectorFile]]:
    return [("vectors", reader.vectors), ("vectors of pictures", reader.picture_vectors)]


def _is_whole(file: _core.VectorFile) -> bool:
    rows, dead = file.counts()
    return sum(number for _, number in file.contents()) == rows - dead


def size(root: Path) -> int:
    """The bytes of all files of the index."""
    total = 0
    for folder, _, names in os.walk(root / FOLDER):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total
