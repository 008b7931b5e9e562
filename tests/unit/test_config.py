"""config.toml: defaults, values, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillion.config import TEMPLATE, Config, load_config
from pillion.errors import ConfigError
from pillion.model import SidecarKind


def _load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_config(path)


def test_a_missing_file_and_the_template_mean_the_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path / "none.toml") == Config()
    assert _load(tmp_path, TEMPLATE.format(policy="desktop")) == Config()


def test_every_line_of_the_template_is_valid_when_it_is_switched_on(tmp_path: Path) -> None:
    lines = TEMPLATE.format(policy="server").splitlines()
    prose = ("# Settings", "# What", "# The same")
    switched_on = [line.removeprefix("# ") if not line.startswith(prose) else line for line in lines]
    config = _load(tmp_path, "\n".join(switched_on))
    assert config.policy == "server"
    assert config.kinds[SidecarKind.TRANSCRIPT] == {"model": "base", "language": "en"}
    assert config.locations["/home/me/Pictures"] == {SidecarKind.TRANSCRIPT: {"enable": False}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('polcy = "desktop"', r"line 1: unknown key 'polcy'; did you mean 'policy'\?"),
        ('policy = "toaster"', "line 1: 'policy' must be"),
        ("\n[work]\nworkers = -1", "line 3: 'work.workers' must be"),
        ("[work]\nworkes = 1", r"line 2: unknown key 'work.workes'; did you mean 'workers'\?"),
        ("[thumb]\nvariants = ['grid@9x']", "line 2: 'thumb.variants' must be a list of icon"),
        ("[ocr]\nlangages = ['eng']", r"did you mean 'languages'\?"),
        ("[thumbs]\nenable = true", r"line 1: unknown key 'thumbs'; did you mean 'thumb'\?"),
        ("[locations.'/a']\nocrr.enable = true", r"did you mean 'ocr'\?"),
        ("ocr = 3", "'ocr' must be a table"),
        ("[work", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_right_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        _load(tmp_path, text)
    assert caught.value.exit_code == 2
