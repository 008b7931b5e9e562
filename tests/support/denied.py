"""Running programs as one whom the modes of files bind: root too, which they do not bind otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.program import PATIENCE_S

_BOUND = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS, VERSION_3, DAC_OVERRIDE, DAC_READ_SEARCH = 38, 0x20080522, 1, 2
header, held = (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)()
def done(returned):
    if returned != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
done(libc.capget(header, held))
# Effective, permitted and inheritable. A program without new privileges keeps to them, though root begins it.
for number in range(3):
    held[number] &= ~(1 << DAC_OVERRIDE | 1 << DAC_READ_SEARCH)
done(libc.capset(header, held))
done(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Anybody may give up what he holds: see capabilities(7), and PR_SET_NO_NEW_PRIVS in prctl(2)."""


def run_bound(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the ``pillion`` program to its end."""
    return python_bound("-m", "pillion", *arguments)


def python_bound(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python to its end."""
    command = [sys.executable, "-c", _BOUND, *map(str, arguments)]
    return subprocess.run(command, text=True, capture_output=True, timeout=PATIENCE_S, check=False)
