"""config.toml: defaults, values, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillion.errors import ConfigError
from pillion.kinds.transcript.kind import TRANSCRIPT_LANGUAGES, WHISPER_SIZES
from pillion.kinds.transcript.models import MODELS
from pillion.settings.config import TEMPLATE, Config, load_config, unknown_locations
from pillion.settings.hours import Span, When
from pillion.settings.lines import key_lines


def _load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_config(path)


def test_a_missing_file_and_the_template_mean_the_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path / "none.toml") == Config()
    assert _load(tmp_path, TEMPLATE.format(policy="desktop")) == Config()


def test_every_line_of_the_template_is_valid_when_it_is_switched_on(tmp_path: Path) -> None:
    lines = TEMPLATE.format(policy="server").splitlines()
    prose = ("# Settings", "# What", "# The same", "# A policy")
    switched_on = [line.removeprefix("# ") if not line.startswith(prose) else line for line in lines]
    config = _load(tmp_path, "\n".join(switched_on))
    assert config.policy == "server"
    assert config.concurrency == {"ocr": 1}
    assert config.kinds["transcript"] == {"model": "base", "language": "en"}
    assert [str(span) for span in config.when["ocr"].quiet] == ["22:00-07:00"]
    assert len(config.when["transcript"].quiet) == 2
    assert config.when["thumb"] == When()
    assert config.policies["laptop"].base == "desktop"
    assert config.locations["/home/me/Pictures"] == {"transcript": {"enable": False}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('polcy = "desktop"', r"line 1: unknown key 'polcy'; did you mean 'policy'\?"),
        ('policy = "toaster"', "line 1: 'policy' must be"),
        ("\n[work]\nworkers = -1", "line 3: 'work.workers' must be"),
        (
            "[work]\nmemory_limit = 3",
            "line 2: 'work.memory_limit' must be .*, at least 268435456",
        ),
        ("[work]\nconcurrency = { orc = 1 }", r"line 2: 'work.concurrency' must be .*; did you mean 'ocr'\?"),
        ("[work]\nconcurrency = { ocr = 0 }", "line 2: 'work.concurrency' must be .*: at least 1"),
        ("[work]\nconcurrency = 2", "line 2: 'work.concurrency' must be a table of kinds"),
        ("[work]\nworkes = 1", r"line 2: unknown key 'work.workes'; did you mean 'workers'\?"),
        ("[thumb]\nvariants = ['grid@9x']", "line 2: 'thumb.variants' must be a list of icon"),
        ("[thumb]\nmethod = 7", "line 2: 'thumb.method' must be a WebP effort from 0 to 6"),
        ("[thumb]\nmethod = { huge = 4 }", "line 2: 'thumb.method' must be"),
        ("[ocr]\nlangages = ['eng']", r"did you mean 'languages'\?"),
        ("[thumbs]\nenable = true", r"line 1: unknown key 'thumbs'; did you mean 'thumb'\?"),
        ("[locations.'/a']\nocrr.enable = true", r"did you mean 'ocr'\?"),
        ("ocr = 3", "line 1: 'ocr' must be a table"),
        ("[thumb]\nvariants = ['grid@9x']", r"did you mean 'grid@1x'\?|did you mean 'grid@\dx'\?"),
        ("[ocr]\nlanguages = ['english']", r"line 2: 'ocr.languages' must be .*; did you mean 'eng'\?"),
        ("[ocr]\nlanguages = ['eng', 'deutsh']", r"line 2: 'ocr.languages' must be .* no language 'deutsh'"),
        ("[transcript]\nmodel = 'bse'", r"must be one of .*; did you mean 'base'\?"),
        ("[transcript]\nlanguage = 'english'", "'transcript.language' must be a language code"),
        ("[work]\nquiet_hours = '22-7'", "line 2: 'work.quiet_hours' must be a span of hours"),
        ("[work]\nquiet_hours = '07:00-07:00'", "write 00:00-24:00 for the whole day"),
        ("[transcript]\non_batery = true", r"line 2: unknown key 'transcript.on_batery'; did you mean 'on_battery'\?"),
        ("policy = 'laptp'\n[policies.laptop]\nbase = 'desktop'", r"line 1: .*did you mean 'laptop'\?"),
        ("[policies.laptop]\nbase = 'desktp'", r"line 2: .*did you mean 'desktop'\?"),
        ("[locations.'pictures']\nocr.enable = true", "line 1: 'pictures' must be an absolute path"),
        # The same key in several tables: the line is that of the one that is wrong.
        ("[ocr]\nenable = true\n[transcript]\nenable = 1", "line 4: 'transcript.enable' must be true or false"),
        (
            "[locations.'/a']\nocr.enable = true\n\n# again\n[locations.'/b']\nocr = { enable = 'no' }",
            "line 6: 'locations.\"/b\".ocr.enable' must be true or false",
        ),
        ("[thumb]\nvariants = [\n  'icon',\n]\nenable = 3", "line 5: 'thumb.enable'"),
        ("[work", "is not valid TOML"),
        ("[work]\nworkers = 10000000000000000000000", "line 2: 'work.workers' must be processes, .* from 0 to 1024"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_right_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        _load(tmp_path, text)
    assert caught.value.exit_code == 2


def test_the_mark_that_some_editors_begin_a_text_with_is_none_of_it(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbfpolicy = "mobile"\r\n')
    assert load_config(path).policy == "mobile"


def test_what_cannot_be_read_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes('# from Windows\npolicy = "desktop" # f\xfcr alle\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"config.toml, line 2, is not text in UTF-8: save it with that encoding\.$"):
        load_config(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match=r"^Cannot read .*config.toml: Is a directory\.$"):
        load_config(path)


def test_lines_of_keys_are_those_on_which_they_are_named() -> None:
    text = """# a comment with a = 1
a = 1
"b c".d = \"\"\"
x = 1
\"\"\"
[e]
f = { g = 1, h = 2 }  # a = 3

[e.i."j.k"]
l.m = [
  1,  # [n]
]
[[o]]
p = 1
"""
    lines = key_lines(text)
    assert lines[("a",)] == 2
    assert lines[("b c", "d")] == 3
    assert lines[("e", "f", "h")] == 7
    assert lines[("e", "i", "j.k", "l", "m")] == 10
    assert lines[("o", "p")] == 14
    assert ("x",) not in lines


def test_hours_count_for_heavy_kinds_and_the_narrowest_table_wins(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        """
        policy = "desktop"
        [work]
        quiet_hours = "22:00-07:00"
        on_battery = false
        [transcript]
        quiet_hours = ["08:00-24:00"]
        [policies.desktop]
        embeddings.on_battery = true
        [locations."/photos"]
        quiet_hours = []
        thumb.quiet_hours = "01:00-02:00"
        transcript.on_battery = true
        """,
    )
    night = (Span(start=22 * 60, end=7 * 60),)
    day = (Span(start=8 * 60, end=24 * 60),)
    assert config.when == {
        "thumb": When(),
        "text": When(),
        "ocr": When(quiet=night, on_battery=False),
        "transcript": When(quiet=day, on_battery=False),
        "embeddings": When(quiet=night, on_battery=True),
        "picture-embeddings": When(quiet=night, on_battery=False),
        "thumbstrip": When(quiet=night, on_battery=False),
        "proxy": When(quiet=night, on_battery=False),
    }
    assert config.location_when["/photos"] == {
        "thumb": When(quiet=(Span(start=60, end=120),)),
        "text": When(),
        "ocr": When(on_battery=False),
        "transcript": When(on_battery=True),
        "embeddings": When(on_battery=True),
        "picture-embeddings": When(on_battery=False),
        "thumbstrip": When(on_battery=False),
        "proxy": When(on_battery=False),
    }
    assert config.kinds == {"transcript": {}}


def test_the_names_in_settings_are_those_that_the_engines_know() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert set(TRANSCRIPT_LANGUAGES) == set(_LANGUAGE_CODES)
    assert set(WHISPER_SIZES) == set(MODELS)


def test_settings_for_a_folder_that_is_no_location_are_named(tmp_path: Path) -> None:
    config = _load(tmp_path, "[locations.'/home/me/Pictres']\nocr.enable = false\n")
    (text,) = unknown_locations(config, ["/home/me/Pictures", "/srv"])
    assert text.endswith("/home/me/Pictres, which is not a Location of this library; did you mean '/home/me/Pictures'?")
    assert unknown_locations(config, ["/home/me/Pictres"]) == []
