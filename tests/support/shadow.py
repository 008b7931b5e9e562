"""A machine without an engine: Python packages that seem not to be installed, until they are.

The folder given to :func:`hide` goes in front of PYTHONPATH; a ``sitecustomize`` in it makes every process that is
started from then on look in ``hidden`` before each import.
"""

from __future__ import annotations

from pathlib import Path

_SITE = '''
import sys
from pathlib import Path

_LIST = Path(__file__).with_name("hidden")


class _Hidden:
    """Says of the packages in the list that they are not there, as a finder in front of all others can."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in _LIST.read_text().split():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


sys.meta_path.insert(0, _Hidden())

import importlib.util as _util

_find_spec = _util.find_spec


def _spec_or_none(name, package=None):
    return None if name.partition(".")[0] in _LIST.read_text().split() else _find_spec(name, package)


_util.find_spec = _spec_or_none
'''


def hide(folder: Path, *modules: str) -> Path:
    """Make the modules (and no others) seem missing to programs that have ``folder`` in PYTHONPATH."""
    folder.mkdir(exist_ok=True)
    (folder / "hidden").write_text(" ".join(modules))
    (folder / "sitecustomize.py").write_text(_SITE)
    return folder
