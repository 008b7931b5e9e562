"""Sessions of onnxruntime as the kinds use them. The only place that sets their options."""

from __future__ import annotations

from typing import Any

from pillion import machine


def session(graph: str | bytes, *, threads: int | None = None) -> Any:
    """A graph, of a file or as one would hold it, ready to run on the threads that this process may use, or so many.

    Raises what onnxruntime raises for a file that is no graph, ImportError where onnxruntime is missing.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or machine.threads_available()
    # Threads that wait for work would spin, and so take the cores from other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # An arena keeps what the largest picture took.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
