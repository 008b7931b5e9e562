"""Make python/pillion/kinds/embedding/minilm_centres.f2: the mean inputs of the parts of MiniLM's layers.

The means are taken over synthetic texts, half of common words, half of any words and word pieces of the model's own
vocabulary, with punctuation, so they depend only on the model. ``python tools/minilm_centres.py`` prints by how much
the existing file differs; ``--write`` replaces it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pillion.kinds.embedding import models  # noqa: E402 (found by the path above)
from tests.support.minilm_numpy import NumpyMiniLM  # noqa: E402 (found by the path above)

FILE = ROOT / "python" / "pillion" / "kinds" / "embedding" / "minilm_centres.f2"
TEXTS = 400
LENGTHS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
SEED = 20261125
_COMMON = 600


def texts(vocabulary: dict[str, int]) -> list[list[int]]:
    """Token ids of synthetic texts, the special ones included."""
    rng = random.Random(SEED)
    words = [number for word, number in sorted(vocabulary.items(), key=lambda item: item[1]) if word.isalpha()]
    pieces = [number for word, number in vocabulary.items() if word.startswith("##") and word[2:].isalpha()]
    marks = [vocabulary[mark] for mark in ".,;:!?-()'\""]
    made = []
    for _ in range(TEXTS):
        sorts = rng.choice(([words[:_COMMON]], [words[:_COMMON], words], [words, pieces], [words[:_COMMON], marks]))
        body = [rng.choice(rng.choice(sorts)) for _ in range(rng.choice(LENGTHS))]
        made.append([vocabulary["[CLS]"], *body, vocabulary["."], vocabulary["[SEP]"]])
    return made


def centres() -> np.ndarray:
    """Shape (6, 2, 384): for each layer, the mean inputs of its attention and its feed-forward part."""
    folder = models.found().path
    sums: dict[str, list[np.ndarray]] = defaultdict(list)
    model = NumpyMiniLM(folder, seen=lambda name, output: sums[name].append(output))
    for ids in texts(json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]):
        model.vector(ids)
    means = {name: np.concatenate(outputs).mean(axis=0) for name, outputs in sums.items()}
    before = ["embeddings", *(f"encoder.layer.{number}.output" for number in range(5))]
    return np.array(
        [
            [means[f"{name}.LayerNorm"], means[f"encoder.layer.{number}.attention.output.LayerNorm"]]
            for number, name in enumerate(before)
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="The mean inputs of MiniLM's layers.")
    parser.add_argument("--write", action="store_true", help=f"write {FILE.relative_to(ROOT)}")
    made = centres().astype("<f2")
    if FILE.exists():
        there = np.frombuffer(FILE.read_bytes(), dtype="<f2").reshape(made.shape)
        print(f"largest difference from the file that is there: {np.abs(there.astype(float) - made).max():.4f}")
    if parser.parse_args().write:
        FILE.write_bytes(made.tobytes())
        print(f"{FILE.relative_to(ROOT)}: {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
