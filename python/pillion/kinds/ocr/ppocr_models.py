"""The networks that find and read text in photographs: in the package rapidocr, which is found, never imported."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from pillion.errors import ErrorClass, ItemError
from pillion.weights.cache import sha256_of

SHA256 = {
    "PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}
"""The detector and the recogniser, in that order."""
INSTALL = "pip install 'pillion[photos]'"
_AGAIN = "pip install --force-reinstall --no-deps 'rapidocr>=3.10,<3.11'"


def found() -> tuple[Path, Path]:
    """The files of the detector and of the recogniser, their hashes checked. Raises ItemError (missing_tool)."""
    problem = missing()
    if problem is not None:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)
    detector, recogniser = files()
    for file in (detector, recogniser):
        if sha256_of(file) != SHA256[file.name]:
            message = f"the text model {file.name} is damaged (its hash is not the known one): run {_AGAIN}"
            raise ItemError(ErrorClass.MISSING_TOOL, message)
    return detector, recogniser


def files() -> list[Path]:
    """Where the files should be; empty when the package is not installed."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        return []
    folder = Path(next(iter(spec.submodule_search_locations))) / "models"
    return [folder / name for name in SHA256]


def missing() -> str | None:
    """One sentence that says which file lacks and how to get it; None when all are there."""
    there = files()
    if not there:
        return f"what reads text in photographs is not installed: run {INSTALL}"
    lacking = [file.name for file in there if not file.is_file()]
    return f"rapidocr lacks its model {lacking[0]}: run {_AGAIN}" if lacking else None


def installed() -> bool:
    """Whether the user has the extra. What it then lacks is a fault of the machine, not a choice."""
    return bool(files())


def identity() -> str:
    """``PP-OCRv6_det_small@sha256:...+PP-OCRv6_rec_small@sha256:...`` for recipes: those that alone are ever used."""
    return "+".join(f"{name.removesuffix('.onnx')}@sha256:{digest}" for name, digest in SHA256.items())
