"""Embeddings: sentences a second beside onnxruntime and plain numpy, and how far the vectors are from numpy's.

The same weights, tokens and cores, alternating, in one run. sentence-transformers is left out: it needs torch, which
the package index has for Linux only with CUDA (gigabytes). onnxruntime runs the same model in float32, and quantised to
int8 by its own tool, in batches of 32 sorted by length, as sentence-transformers makes them. plain numpy has one thread
and takes a tenth of the sentences.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime
import tokenizers
from numpy.typing import NDArray

from benches.peers.environments import SetupError, ensure
from benches.text.report import Options, Report, at_least, table
from pillion import machine
from pillion.kinds.embedding import minilm
from pillion.kinds.embedding import models as weights
from tests.support import minilm_numpy, sentences

_SENTENCES = 1000
_BATCH = 32
_NUMPY_SHARE = 10
_QUANTISE = "import sys; from onnxruntime.quantization import quantize_dynamic; quantize_dynamic(*sys.argv[1:])"
_CHECKED = 200

Vectors = NDArray[np.float32]


@dataclass(slots=True)
class Tool:
    """One way to embed texts; ``share``: it is given only every so many-th text."""

    name: str
    embed: Callable[[Sequence[str]], Vectors]
    share: int = 1
    seconds: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Sentences a second, the median of its turns."""
        return 1 / statistics.median(self.seconds)

    def turn(self, texts: Sequence[str]) -> None:
        mine = texts[:: self.share]
        start = time.perf_counter()
        self.embed(mine)
        self.seconds.append((time.perf_counter() - start) / len(mine))


def run(options: Options) -> Report:
    """Measure; see the module."""
    tools = _tools(options.cache)
    texts = sentences.made(_SENTENCES // (10 if options.quick else 1))
    for tool in tools:
        tool.embed(texts[:2])
    for _ in range(1 if options.quick else 3):
        for tool in tools:
            tool.turn(texts)
    report = Report()
    exact = tools[-1].embed(texts[:_CHECKED])
    rows = []
    for tool in tools:
        cosine = float((tool.embed(texts[:_CHECKED]) * exact).sum(axis=1).min())
        rows.append((tool.name, f"{tool.rate:.0f}", f"{tool.rate / tools[0].rate:.2f}", f"{cosine:.4f}"))
        report.figures[tool.name] = {"sentences_per_second": tool.rate, "least_cosine": cosine}
    words = statistics.mean(len(text.split()) for text in texts)
    report.lines = [f"{len(texts)} texts of {words:.0f} words in the mean, {machine.threads_available()} threads"]
    report.lines += table(("tool", "sentences/s", "to the first", "least cosine"), rows)
    by_name = {tool.name: tool for tool in tools}
    peer = max(("onnxruntime float32", "onnxruntime int8"), key=lambda name: by_name[name].rate)
    ratio = tools[0].rate / by_name[peer].rate
    report.goals = [
        at_least("float32: cosine to plain numpy", report.figures["pillion float32"]["least_cosine"], 0.9999, digits=5),
        at_least("int8: cosine to plain numpy", report.figures["pillion int8"]["least_cosine"], 0.99, digits=4),
        at_least(f"int8: sentences per second beside {peer}", ratio, 1.0, "x"),
    ]
    return report


def _tools(cache: Path) -> list[Tool]:
    folder = weights.found().path
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(minilm.MAX_TOKENS)

    def ids(texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]

    graphs = _graphs(cache, folder / "model.safetensors")
    return [
        Tool("pillion int8", lambda texts: minilm.embed(texts, compute="int8")),
        Tool("pillion float32", lambda texts: minilm.embed(texts, compute="float32")),
        *(Tool(f"onnxruntime {name}", _onnx(graph, ids)) for name, graph in graphs.items()),
        Tool("numpy", lambda texts: minilm_numpy.vectors(folder, ids(texts)), share=_NUMPY_SHARE),
    ]


def _graphs(cache: Path, weights: Path) -> dict[str, Path]:
    """The model for onnxruntime, made once. Raises SetupError."""
    python = ensure(cache / "onnx", ["onnx>=1.17", "onnxruntime>=1.20"])
    exact, small = cache / "minilm.onnx", cache / "minilm-int8.onnx"
    if not small.is_file():
        build = [str(python), str(Path(__file__).with_name("minilm_graph.py")), str(weights), str(exact)]
        quantise = [str(python), "-c", _QUANTISE, str(exact), str(small)]
        for command in (build, quantise):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SetupError(f"the graph for onnxruntime cannot be made: {done.stderr.strip()[-300:]}")
    return {"float32": exact, "int8": small}


def _onnx(graph: Path, ids: Callable[[Sequence[str]], list[list[int]]]) -> Callable[[Sequence[str]], Vectors]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = machine.threads_available()
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def embed(texts: Sequence[str]) -> Vectors:
        rows = ids(texts)
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
        vectors = np.empty((len(rows), minilm.DIMENSIONS), dtype=np.float32)
        for begin in range(0, len(order), _BATCH):
            batch = order[begin : begin + _BATCH]
            length = len(rows[batch[0]])
            padded = np.array([rows[row] + [0] * (length - len(rows[row])) for row in batch], dtype=np.int64)
            mask = np.array([[1] * len(rows[row]) + [0] * (length - len(rows[row])) for row in batch], dtype=np.int64)
            (hidden,) = session.run(["hidden"], {"ids": padded, "mask": mask})
            mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
            vectors[batch] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors

    return embed
