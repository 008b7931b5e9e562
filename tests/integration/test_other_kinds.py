"""A kind of another package: installed, it has all that ours have; broken or gone, it stops nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.packages import install, install_wordcount
from tests.support.program import run


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_wordcount(tmp_path_factory.mktemp("wordcount"))


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    # Only the new kind: the others have tests of their own.
    (folder / "config.toml").write_text('policy = "desktop"\n[embeddings]\nenable = false\n[text]\nenable = false\n')
    return folder


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "four.txt").write_text("this text has words\n")
    (folder / "broken.txt").write_text("a broken one\n")
    (folder / "crash.txt").write_text("a crash comes\n")
    return folder


def environment(*sites: Path) -> dict[str, str]:
    path = [*map(str, sites), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path))}


def pillion(library: Path, env: dict[str, str], *arguments: str | Path, code: int = 0) -> list[Any]:
    """The JSON lines that a command prints."""
    done = run(*arguments, "--library", library, "--json", env=env)
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def words(library: Path) -> list[int]:
    files = sorted(library.glob("sidecars/content/*/*/*/wordcount/default.json"))
    return [json.loads(file.read_text())["words"] for file in files]


def test_it_has_all_that_ours_have(site: Path, library: Path, texts: Path) -> None:
    env = environment(site)
    (index,) = pillion(library, env, "index", texts)
    assert words(library) == [4]
    assert index["sidecars"]["wordcount"]["ready"] == 1

    failed = {Path(row["sources"][0]).name: row for row in pillion(library, env, "failed", "--kind", "wordcount")}
    assert failed["broken.txt"]["error"]["class"] == "corrupt"
    assert failed["broken.txt"]["error"]["message"] == "the text says that it is broken"
    # It ran in a worker of the pool, which died; the others were not touched.
    assert failed["crash.txt"]["error"]["class"] == "crash"
    assert failed["crash.txt"]["error"]["exit_status"] == "SIGABRT"
    # Each new recipe would try it three times again, with waits between.
    (texts / "crash.txt").unlink()

    (plan,) = pillion(library, env, "plan")
    assert plan["sidecars"] == 0
    (library / "config.toml").write_text("embeddings.enable = false\ntext.enable = false\n[wordcount]\nminimum = 5\n")
    (plan,) = pillion(library, env, "plan", "--kinds", "wordcount")
    stale = [line for line in plan["lines"] if line["reason"] == "stale" and line["status"] == "ready"]
    assert [line["kind"] for line in stale] == ["wordcount"]
    assert stale[0]["changes"] == [{"part": "setting minimum", "old": 1, "new": 5}]
    pillion(library, env, "index")
    assert words(library) == [1]

    (status,) = pillion(library, env, "status")
    assert status["sidecars"]["wordcount"]["ready"] == 1
    pillion(library, env, "regenerate", "--kind", "wordcount")
    pillion(library, env, "work")
    assert words(library) == [1]
    assert pillion(library, env, "verify")[0]["findings"] == []
    done = run("export", texts / "four.txt", "--to", "words", "--library", library, env=env)
    assert done.stdout == "1 words\n", done.stderr


def test_its_settings_are_checked_and_hold_it_back(site: Path, library: Path, texts: Path) -> None:
    env = environment(site)
    (library / "config.toml").write_text("[wordcount]\nminimun = 5\n")
    done = run("index", texts, "--library", library, env=env)
    assert done.returncode == 2
    assert "line 2" in done.stderr
    assert "did you mean 'minimum'?" in done.stderr
    (library / "config.toml").write_text(
        "embeddings.enable = false\ntext.enable = false\n[work]\nconcurrency = { wordcount = 1 }\n"
        '[wordcount]\nquiet_hours = "00:00-24:00"\n'
    )
    pillion(library, env, "index", texts)
    assert words(library) == []
    (status,) = pillion(library, env, "status")
    assert status["jobs"]["wordcount"]["queued"] == 3


def test_one_that_cannot_be_imported_is_a_notice(tmp_path: Path, library: Path, texts: Path) -> None:
    install(
        tmp_path, "brokenkind", "import a_module_that_is_not_there\n", "[pillion.kinds]\nbroken = brokenkind:KIND\n"
    )
    env = environment(tmp_path / "site")
    (library / "config.toml").write_text("embeddings.enable = false\ntext.enable = false\n[broken]\nanything = 1\n")
    pillion(library, env, "index", texts)
    done = run("status", "--library", library, env=env)
    assert done.returncode == 0, done.stderr
    assert "The kind 'broken' of the package brokenkind cannot be used" in done.stdout
    assert "a_module_that_is_not_there" in done.stdout


def test_what_it_made_stays_when_it_is_uninstalled(site: Path, library: Path, texts: Path) -> None:
    pillion(library, environment(site), "index", texts)
    assert words(library) == [4]
    without = environment()
    pillion(library, without, "index")
    (status,) = pillion(library, without, "status")
    assert status["sidecars"]["wordcount"]["ready"] == 1
    assert pillion(library, without, "verify")[0]["findings"] == []
    assert [row["state"] for row in pillion(library, without, "ls") if row["kind"] == "wordcount"].count("ready") == 1
    assert words(library) == [4]
    pillion(library, environment(site), "index")
    assert words(library) == [4]


def test_the_documentation_shows_this_very_package() -> None:
    root = Path(__file__).resolve().parents[2]
    assert (root / "tests/packages/wordcount.py").read_text() in (root / "docs/kinds.md").read_text()
