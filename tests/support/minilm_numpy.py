"""all-MiniLM-L6-v2 in plain numpy, straight from its weights: the reference for the engine, sharing no code with it.

BERT as in Devlin et al. 2018 (post-norm, GELU with the error function), then the mean over tokens, at unit length.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_HEADS = 12
_LAYERS = 6
_EPSILON = 1e-12
_ROWS = 32
"""Tokens of which the GELU is made at a time, so that what is between stays in the processor's cache."""


class NumpyMiniLM:
    """``folder`` holds ``model.safetensors``. ``seen``: gets each normalisation's name and output, (tokens, 384)."""

    def __init__(self, folder: Path, seen: Callable[[str, Floats], None] | None = None) -> None:
        self.weights = _read(folder / "model.safetensors")
        self._seen = seen

    def vector(self, ids: list[int]) -> Floats:
        """The unit vector of one text, given its token ids with the special ones; shape (384,)."""
        return self.together([ids])[0]

    def together(self, texts: Sequence[list[int]]) -> Floats:
        """Those of some texts, shape (n, 384). Their tokens stand below each other; each attends to its own text."""
        words = self.weights["embeddings.word_embeddings.weight"][np.concatenate(texts)]
        numbers = np.concatenate([np.arange(len(text)) for text in texts])
        places = self.weights["embeddings.position_embeddings.weight"][numbers]
        hidden = self._normed(words + places + self.weights["embeddings.token_type_embeddings.weight"][0], "embeddings")
        starts = np.cumsum([*map(len, texts)])[:-1]
        for number in range(_LAYERS):
            hidden = self._layer(hidden, starts, f"encoder.layer.{number}.")
        means = np.stack([text.mean(axis=0) for text in np.split(hidden, starts)])
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)

    def _layer(self, hidden: Floats, starts: NDArray[np.int_], at: str) -> Floats:
        mixed = self._attention(hidden, starts, f"{at}attention.self.")
        attended = self._product(mixed, f"{at}attention.output.dense")
        hidden = self._normed(hidden + attended, f"{at}attention.output")
        inner = self._product(hidden, f"{at}intermediate.dense")
        for first in range(0, len(inner), _ROWS):
            _gelu(inner[first : first + _ROWS])
        return self._normed(hidden + self._product(inner, f"{at}output.dense"), f"{at}output")

    def _attention(self, hidden: Floats, starts: NDArray[np.int_], at: str) -> Floats:
        """``starts``: where the texts after the first one begin."""
        sides = (np.split(self._product(hidden, at + name), starts) for name in ("query", "key", "value"))
        return np.concatenate([_attended(*of_text) for of_text in zip(*sides, strict=True)])

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


def vectors(folder: Path, ids: list[list[int]], together: int = 1) -> Floats:
    """The vectors of many texts, shape (n, 384). ``together``: so many at a time, for which the weights are read once.

    In a process of its own with one thread: the threads of numpy's products wait for each other without rest, which on
    a busy machine takes ten times as long.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(folder), str(together)],
        input=json.dumps(ids).encode(),
        stdout=subprocess.PIPE,
        env={**os.environ, **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")},
        check=True,
    )
    return np.frombuffer(done.stdout, dtype=np.float32).reshape(len(ids), -1)


def _attended(*sides: Floats) -> Floats:
    """What the heads make of the query, the key and the value of each token of a text."""
    query, key, value = (side.reshape(len(side), _HEADS, -1).swapaxes(0, 1) for side in sides)
    scores = query @ key.swapaxes(1, 2) / np.float32(math.sqrt(query.shape[2]))
    shares = np.exp(scores - scores.max(axis=2, keepdims=True))
    mixed: Floats = (shares / shares.sum(axis=2, keepdims=True)) @ value
    return mixed.swapaxes(0, 1).reshape(len(mixed[0]), -1)


def _gelu(values: Floats) -> None:
    """Its GELU in the place of each value."""
    values *= 0.5 * (1 + _erf(values / np.float32(math.sqrt(2))))


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
    _ids, _number = json.load(sys.stdin), int(sys.argv[2])
    for _first in range(0, len(_ids), _number):
        sys.stdout.buffer.write(_model.together(_ids[_first : _first + _number]).tobytes())
