"""The table of extras says what pyproject.toml does, and what is missing is named with one command."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

import pillion
from pillion import extras
from pillion.errors import ErrorClass, ItemError

PROJECT: dict[str, Any] = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
OPTIONAL: dict[str, list[str]] = PROJECT["optional-dependencies"]


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def test_every_extra_brings_the_packages_of_the_table() -> None:
    assert {*extras.EXTRAS, "all", "models"} == {*OPTIONAL}
    always = {name_of(requirement) for requirement in PROJECT["dependencies"]}
    for extra, packages in extras.EXTRAS.items():
        brought = {name_of(requirement) for requirement in OPTIONAL[extra]} - {"pillion"}
        assert brought - always == {*packages.values()} - always, extra


def test_all_is_every_extra_but_the_weights() -> None:
    (requirement,) = OPTIONAL["all"]
    assert requirement == f"pillion[{','.join(sorted(extras.EXTRAS))}]"


def modules() -> Iterator[tuple[str, str]]:
    for packages in extras.EXTRAS.values():
        yield from packages.items()


@pytest.mark.parametrize(("module", "package"), sorted(set(modules())))
def test_import_names_belong_to_their_packages(module: str, package: str) -> None:
    names = packages_distributions()[module]
    assert package in [name.lower().replace("_", "-") for name in names]


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package of any extra is there."""
    hidden = {module for module, _ in modules()}
    find = extras.importlib.util.find_spec
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None if name in hidden else find(name))


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("extra", extras.EXTRAS)
def test_what_is_missing_is_one_sentence_with_the_command(extra: str) -> None:
    problem = extras.missing(extra, "files") or ""
    assert problem.endswith(f", which is not installed: run pip install 'pillion[{extra}]'")
    with pytest.raises(ItemError) as caught:
        extras.require(extra, "files")
    assert (caught.value.error_class, caught.value.message) == (ErrorClass.MISSING_TOOL, problem)


@pytest.mark.usefixtures("nothing")
def test_the_api_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>words</p>")
    for call, extra in (
        (lambda: pillion.embed(["words"]), "embeddings"),
        (lambda: pillion.transcribe(tmp_path / "speech.wav"), "speech"),
        (lambda: pillion.file_text(tmp_path / "page.html"), "documents"),
    ):
        with pytest.raises(ItemError) as caught:
            call()
        assert caught.value.error_class is ErrorClass.MISSING_TOOL
        assert caught.value.message.endswith(f"run pip install 'pillion[{extra}]'")


def test_a_package_that_cannot_be_imported_is_a_missing_tool() -> None:
    with pytest.raises(ItemError) as caught, extras.needed():
        raise ModuleNotFoundError("No module named 'tokenizers.models'", name="tokenizers.models")
    assert caught.value.error_class is ErrorClass.MISSING_TOOL
    assert caught.value.message.endswith("run pip install 'pillion[embeddings]'")
    assert extras.not_importable(ImportError("no")).message.endswith("run pip install 'pillion[all]'")
