"""Print name, version, licence and installed size of every Python package in this environment."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path


def licence_of(distribution: importlib.metadata.Distribution) -> str:
    fields = distribution.metadata.json
    expression = fields.get("license_expression")
    if expression:
        return str(expression)
    classifiers = [line.split(" :: ")[-1] for line in fields.get("classifier", []) if line.startswith("License")]
    if classifiers:
        return ", ".join(classifiers)
    return (str(fields.get("license") or "") or "not said").splitlines()[0]


def size_of(distribution: importlib.metadata.Distribution) -> int:
    paths = (Path(str(file.locate())) for file in distribution.files or [])
    return sum(path.stat().st_size for path in paths if path.is_file())


def main() -> None:
    for distribution in sorted(importlib.metadata.distributions(), key=lambda found: found.name.lower()):
        name = f"{distribution.name} {distribution.version}"
        print(f"{name:<42}{licence_of(distribution):<60}{size_of(distribution) / 1e6:8.1f} MB")


if __name__ == "__main__":
    main()
