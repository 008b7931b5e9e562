"""all-MiniLM-L6-v2 in plain numpy, straight from its weights: the reference for the engine, sharing no code with it.

BERT as in Devlin et al. 2018 (post-norm, GELU with the error function), then the mean over tokens, at unit length.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_HEADS = 12
_LAYERS = 6
_EPSILON = 1e-12


class NumpyMiniLM:
    """``folder`` holds ``model.safetensors``. ``seen``: gets each normalisation's name and output, (tokens, 384)."""

    def __init__(self, folder: Path, seen: Callable[[str, Floats], None] | None = None) -> None:
        self.weights = _read(folder / "model.safetensors")
        self._seen = seen

    def vector(self, ids: list[int]) -> Floats:
        """The unit vector of one text, given its token ids with the special ones; shape (384,)."""
        words = self.weights["embeddings.word_embeddings.weight"][ids]
        places = self.weights["embeddings.position_embeddings.weight"][: len(ids)]
        hidden = self._normed(words + places + self.weights["embeddings.token_type_embeddings.weight"][0], "embeddings")
        for number in range(_LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{number}.")
        mean = hidden.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _layer(self, hidden: Floats, at: str) -> Floats:
        attended = self._product(self._attention(hidden, f"{at}attention.self."), f"{at}attention.output.dense")
        hidden = self._normed(hidden + attended, f"{at}attention.output")
        inner = self._product(hidden, f"{at}intermediate.dense")
        inner = inner * 0.5 * (1 + _erf(inner / np.float32(math.sqrt(2))))
        return self._normed(hidden + self._product(inner, f"{at}output.dense"), f"{at}output")

    def _attention(self, hidden: Floats, at: str) -> Floats:
        query, key, value = (
            self._product(hidden, at + name).reshape(len(hidden), _HEADS, -1).swapaxes(0, 1)
            for name in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.float32(math.sqrt(query.shape[2]))
        shares = np.exp(scores - scores.max(axis=2, keepdims=True))
        mixed: Floats = (shares / shares.sum(axis=2, keepdims=True)) @ value
        return mixed.swapaxes(0, 1).reshape(len(hidden), -1)

    def _product(self, hidden: Floats, name: str) -> Floats:
        result: Floats = hidden @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return result

    def _normed(self, hidden: Floats, at: str) -> Floats:
        centred = hidden - hidden.mean(axis=1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=1, keepdims=True) + np.float32(_EPSILON))
        name = f"{at}.LayerNorm"
        result: Floats = centred / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        if self._seen is not None:
            self._seen(name, result)
        return result


def vectors(folder: Path, ids: list[list[int]]) -> Floats:
    """The vectors of many texts, shape (n, 384).

    In a process of its own with one thread: the threads of numpy's products wait for each other without rest, which on
    a busy machine takes ten times as long.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(folder)],
        input=json.dumps(ids).encode(),
        stdout=subprocess.PIPE,
        env={**os.environ, **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")},
        check=True,
    )
    return np.frombuffer(done.stdout, dtype=np.float32).reshape(len(ids), -1)


def _erf(values: Floats) -> Floats:
    """The error function to 1.5e-7 (Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26)."""
    size = np.abs(values)
    t = 1 / (1 + np.float32(0.3275911) * size)
    series = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * t
    result: Floats = np.sign(values) * (1 - series * np.exp(-size * size))
    return result


def _read(path: Path) -> dict[str, Floats]:
    """Safetensors: the length of the header, the header in JSON, then the numbers."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    tensors = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            first, last = (begin + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[first:last], dtype="<f4").reshape(entry["shape"])
    return tensors


if __name__ == "__main__":
    _model = NumpyMiniLM(Path(sys.argv[1]))
    for _ids in json.load(sys.stdin):
        sys.stdout.buffer.write(_model.vector(_ids).tobytes())
