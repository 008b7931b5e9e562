"""Some two thousand requests that Schemathesis makes from the OpenAPI document; `make fuzz-api` makes 10,000."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_what_the_document_allows_and_forbids_is_answered_as_it_says() -> None:
    command = [sys.executable, str(ROOT / "tools" / "fuzz_api.py"), "--calls", "300"]
    done = subprocess.run(command, text=True, capture_output=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
