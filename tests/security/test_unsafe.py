"""docs/security.md says how many blocks of unsafe Rust there are; clippy sees to it that each has its reason."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_unsafe_blocks_are_counted_and_explained() -> None:
    sources = [path for path in (ROOT / "rust/src").rglob("*.rs") if not path.name.endswith("_tests.rs")]
    number = sum(len(re.findall(r"\bunsafe \{", path.read_text("utf-8"))) for path in sources)
    said = re.search(r"there\s+are (\d+) of them outside of tests", (ROOT / "docs/security.md").read_text("utf-8"))
    assert said is not None
    assert int(said[1]) == number
    lints = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))["workspace"]["lints"]["clippy"]
    assert "undocumented_unsafe_blocks" in lints
