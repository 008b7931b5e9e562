"""tools/packages.py: what is set for pip reaches uv, and pip does what uv cannot."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "packages.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("packages_under_test", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["packages_under_test"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Environment:
    """A folder with a python and a uv that write down how they are called, and fail where they are told to."""

    def __init__(self, folder: Path, *, uv: bool = True, pip_config: str = "") -> None:
        self.python = folder / "python"
        self.calls = folder / "calls"
        self.calls.touch()
        self.said: list[str] = []
        self._write("python", f"case \"$*\" in *'config list'*) cat '{folder}/config'; exit;; esac")
        (folder / "config").write_text(pip_config)
        if uv:
            self._write("uv", "echo error: the moon is full >&2")

    def _write(self, name: str, body: str) -> None:
        program = self.python.parent / name
        failing = self.python.parent / f"{name} fails"
        program.write_text(f"#!/bin/sh\n{body}\necho {name} \"$*\" >> '{self.calls}'\n[ ! -e '{failing}' ]\n")
        program.chmod(0o755)

    def fail(self, name: str) -> None:
        (self.python.parent / f"{name} fails").touch()

    def called(self) -> list[str]:
        """Who was called to install what: the program's name and its last argument."""
        return [f"{line.split()[0]} {line.split()[-1]}" for line in self.calls.read_text().splitlines()]


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        ("", {}),
        ("global.cert='/a.pem'\n:env:.cert='/b.pem'", {"cert": "/b.pem"}),
        ("install.index-url='https://i/'\nglobal.index-url='https://g/'", {"index-url": "https://i/"}),
        (":env:.find_links='/x /y'\ndownload.no-binary='z'", {"find-links": "/x /y"}),
        (r"global.extra-index-url='\nhttps://a/\nhttps://b/'", {"extra-index-url": "\nhttps://a/\nhttps://b/"}),
    ],
)
def test_settings_of_pip_are_read_as_pip_reads_them(tool: ModuleType, lines: str, settings: dict[str, str]) -> None:
    assert tool.pip_settings(lines) == settings


@pytest.mark.parametrize(
    ("settings", "options", "env"),
    [
        ({"index-url": "https://me:pw@i/"}, [], {"UV_DEFAULT_INDEX": "https://me:pw@i/"}),
        ({"extra-index-url": "\nhttps://a/\nhttps://b/"}, [], {"UV_INDEX": "https://a/ https://b/"}),
        ({"find-links": "here gone https://l/"}, ["--find-links", "here", "--find-links", "https://l/"], {}),
        ({"cert": "/c.pem", "default-timeout": "7.5"}, [], {"SSL_CERT_FILE": "/c.pem", "UV_HTTP_TIMEOUT": "7"}),
        ({"no-index": "true", "pre": "0", "quiet": "2"}, ["--no-index"], {}),
        ({"no-binary": "a,b"}, ["--no-binary", "a", "--no-binary", "b"], {}),
    ],
)
def test_uv_is_told_what_is_set_for_pip(
    tool: ModuleType, tmp_path: Path, settings: dict[str, str], options: list[str], env: dict[str, str]
) -> None:
    (tmp_path / "here").mkdir()
    made_options, made_env = tool.for_uv(settings, {}, tmp_path)
    assert made_options == options
    assert made_env == {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "1", **env}


def test_what_is_set_for_uv_stands(tool: ModuleType, tmp_path: Path) -> None:
    settings = {"index-url": "https://pip/", "cert": "/pip.pem"}
    environ = {"UV_INDEX_URL": "https://uv/", "SSL_CERT_FILE": "/uv.pem", "REQUESTS_CA_BUNDLE": "/r.pem", "HOME": "/"}
    _, env = tool.for_uv(settings, environ, tmp_path)
    assert env["UV_INDEX_URL"] == "https://uv/"
    assert "UV_DEFAULT_INDEX" not in env
    assert env["SSL_CERT_FILE"] == "/uv.pem"


@pytest.mark.parametrize(
    ("uv", "config", "failing", "called", "says"),
    [
        (True, "", [], ["uv thing"], []),
        (True, "", ["uv"], ["uv thing", "python thing"], ["error: the moon is full"]),
        (True, ":env:.hash-seed='1'", [], ["python thing"], ["hash-seed"]),
        (False, "", ["python"], ["python uv>=0.13", "python thing"], ["uv could not be installed"]),
    ],
    ids=["uv can", "uv fails", "uv has no word for a setting", "uv is not to be had"],
)
def test_pip_does_what_uv_cannot(
    tool: ModuleType, tmp_path: Path, uv: bool, config: str, failing: list[str], called: list[str], says: list[str]
) -> None:
    environment = Environment(tmp_path, uv=uv, pip_config=config)
    for name in failing:
        environment.fail(name)
    installer = tool.Installer(environment.python, tmp_path, environment.said.append)
    if "python" in failing:
        with pytest.raises(tool.InstallError, match="pip failed"):
            installer.install("thing")
    else:
        installer.install("thing")
    assert environment.called() == called
    assert len(environment.said) == len(says)
    for line, part in zip(environment.said, says, strict=True):
        assert part in line
