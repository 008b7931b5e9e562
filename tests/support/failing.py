"""An engine that works until it is told to fail, for tests of what becomes of what it made before."""

from __future__ import annotations

import os

from pillion.errors import ErrorClass
from pillion.kinds.execute import Execution, ExecutionTask
from pillion.kinds.execute import execute as good
from pillion.model import Empty, Failure

FAIL = "PILLION_TEST_FAIL"
"""Names a file with a line for each kind that fails: the kind, and an error class, or ``empty``."""


def execute(task: ExecutionTask) -> Execution:
    """The worker's target."""
    with open(os.environ[FAIL], encoding="utf-8") as file:
        how = dict(line.split() for line in file).get(task.kind)
    if how is None:
        return good(task)
    if how == "empty":
        return Execution.of(Empty(note="There is nothing."))
    return Execution.of(Failure(error_class=ErrorClass(how), message="It is told to fail."))
