"""The evil engine, for tests that want to know what each try was allowed, and one whose tool may be missing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pillion.errors import ErrorClass
from pillion.kinds.execute import Execution, ExecutionTask
from pillion.kinds.execute import execute as good
from pillion.kinds.lacking import Lacking
from pillion.model import Failure
from tests.support.evil import DEEDS

LOG = "PILLION_TEST_LOG"
"""Names a folder, in which ``tries`` gets a line for each try."""

GATE = "gate"
"""A file ``gate-NUMBER.jpg`` is begun, and not made before a file of this name is in that folder."""

TOOL = "tool"
"""A file ``tool-NUMBER.jpg`` needs a file of this name in that folder."""

CODEC = "codec"
"""The same, but its worker says that it needs this for itself, not for any file of the type."""

_MISSING = {TOOL: "The tool is not installed.", CODEC: "The codec of this file is not installed."}


def tries(folder: Path, deed: str | None = None) -> list[dict[str, Any]]:
    """What was tried so far (of one deed), in order: deed, process, share and variants."""
    lines = (folder / "tries").read_text().splitlines() if (folder / "tries").exists() else []
    return [tried for tried in map(json.loads, lines) if deed in (None, tried["deed"])]


def lacking(_mime: str, _settings: Mapping[str, Any]) -> Lacking:
    """Whether the tool and the codec are missing."""
    missing = {name: (text,) for name, text in _MISSING.items() if not (Path(os.environ[LOG]) / name).exists()}
    return Lacking(any_file=missing.get(TOOL, ()), some=missing.get(CODEC, ()))


def execute(task: ExecutionTask) -> Execution:
    """The worker's target: a source named ``DEED-NUMBER.jpg`` does the deed."""
    deed = Path(os.fsdecode(task.sources[0][0])).stem.partition("-")[0]
    log = Path(os.environ[LOG])
    with open(log / "tries", "a", encoding="utf-8") as file:
        about = {"deed": deed, "pid": os.getpid(), "share": task.share, "variants": task.variants}
        file.write(json.dumps(about) + "\n")
    if deed in _MISSING and not (log / deed).exists():
        return Execution.of(Failure(error_class=ErrorClass.MISSING_TOOL, message=_MISSING[deed]))
    while deed == GATE and not (log / GATE).exists():
        time.sleep(0.01)
    if deed in DEEDS:
        DEEDS[deed][0]()
    return good(task)
