"""The licences of the Python packages: ``licences.py`` lists those of this environment, ``licences.py --check`` judges.

``--check`` looks at what a user of Pillion gets: its dependencies with all extras, and theirs in turn. Each has to be
under a licence of :data:`ALLOWED`, or listed in :data:`EXCEPTIONS` with the reason. It exits with 1 for any other, and
for an exception that nothing needs any more. Rust's crates are looked at by cargo-deny (deny.toml).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement

import bootstrap

_NAMES = "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause CC0-1.0 ISC MIT MIT-CMU MPL-2.0 PSF-2.0 Unlicense Zlib"
ALLOWED = frozenset(_NAMES.split())
"""SPDX's names. MPL-2.0 binds the files under it only, and those are not ours and not changed."""

SPDX: Mapping[str, str] = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "OSI Approved": "",
}
"""What packages call a licence -> SPDX's name; "" says nothing."""

EXCEPTIONS: Mapping[str, str] = {
    "partd": "says BSD: its LICENSE.txt is BSD-3-Clause",
    "pi-heif": "LGPL-3.0: a library of its own that users install with the extra heif and can replace",
    "psycopg": "LGPL-3.0: a package of its own that users install with the extra cluster and can replace",
    "psycopg-binary": "the same, with libpq, under the PostgreSQL licence, and OpenSSL, under Apache-2.0",
    "pypdfium2": "Apache-2.0 or BSD-3-Clause, and PDFium with the libraries in it, under licences of that kind",
    "pysqlite3": "names none in its metadata: its LICENSE is that of zlib, and SQLite is in the public domain",
}
"""Package -> why it may come along although what it says is not in the list."""


def licence_of(distribution: importlib.metadata.Distribution) -> str:
    fields = distribution.metadata.json
    expression = fields.get("license_expression")
    if expression:
        return str(expression)
    classifiers = [line.split(" :: ")[-1] for line in fields.get("classifier", []) if line.startswith("License")]
    if classifiers:
        return ", ".join(classifiers)
    return (str(fields.get("license") or "") or "not said").splitlines()[0]


def allowed(licence: str) -> bool:
    """Whether one may ship under it: of licences joined by AND or a comma all count, of those by OR one is enough."""
    alternatives = [[_spdx(name) for name in re.split(" AND |, ", each)] for each in licence.split(" OR ")]
    return any(any(names) and ALLOWED.issuperset(filter(None, names)) for names in alternatives)


def _spdx(name: str) -> str:
    return SPDX.get(name, name.strip("()"))


def shipped() -> Iterator[importlib.metadata.Distribution]:
    """What comes with Pillion and all its extras, as far as it is installed here. Raises PackageNotFoundError."""
    project = bootstrap.read_pyproject()
    lines = [*project["project"]["dependencies"], *bootstrap.of_extras(project, ["all", "models"])]
    named = [wanted for wanted in map(Requirement, lines) if _asked_for(wanted, set())]
    # The embedding model is installed without its dependencies (torch), which nothing here uses.
    model = Requirement(bootstrap.EMBEDDING_MODEL).name
    todo, seen = [*named, Requirement(model)], set[tuple[str, ...]]()
    while todo:
        wanted = todo.pop()
        key = (_plain(wanted.name), *sorted(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        distribution = importlib.metadata.distribution(wanted.name)
        yield distribution
        if wanted.name != model:
            todo += [
                inner for inner in map(Requirement, distribution.requires or []) if _asked_for(inner, wanted.extras)
            ]


def _asked_for(inner: Requirement, extras: set[str]) -> bool:
    return inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras or {""})


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def faults() -> list[str]:
    """What is wrong with the licences of what is shipped, a sentence for each."""
    found, excused = [], set()
    for distribution in shipped():
        name, licence = _plain(distribution.name), licence_of(distribution)
        if allowed(licence):
            continue
        if name in EXCEPTIONS:
            excused.add(name)
        else:
            found.append(f"{name} {distribution.version} is under {licence!r}, which is not in the list")
    return found + [f"the exception for {name} is not needed any more" for name in EXCEPTIONS.keys() - excused]


def size_of(distribution: importlib.metadata.Distribution) -> int:
    paths = (Path(str(file.locate())) for file in distribution.files or [])
    return sum(path.stat().st_size for path in paths if path.is_file())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only judge what is shipped")
    if parser.parse_args().check:
        found = faults()
        print("\n".join(found) or "licences of the Python packages: fine")
        return 1 if found else 0
    for distribution in sorted(importlib.metadata.distributions(), key=lambda found: found.name.lower()):
        name = f"{distribution.name} {distribution.version}"
        print(f"{name:<42}{licence_of(distribution):<60}{size_of(distribution) / 1e6:8.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
