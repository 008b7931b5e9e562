"""Running the ``pillion`` program as one whom the modes of files bind: root too, which they do not bind otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import PATIENCE_S

_CANNOT = 99
_BOUND = f"""
import ctypes, os, sys
PR_CAPBSET_DROP, DAC_OVERRIDE, DAC_READ_SEARCH = 24, 1, 2
for capability in (DAC_OVERRIDE, DAC_READ_SEARCH) if os.geteuid() == 0 else ():
    if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
        sys.exit({_CANNOT})
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def run_bound(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it to its end. Skips the test where root cannot give up what lets it past the modes of files."""
    command = [sys.executable, "-c", _BOUND, "-m", "pillion", *map(str, arguments)]
    done = subprocess.run(command, text=True, capture_output=True, timeout=PATIENCE_S, check=False)
    if done.returncode == _CANNOT:
        pytest.skip("root cannot give up its rights over files here")
    return done
