"""Each kind can say what of its tools is missing, and here nothing is."""

from __future__ import annotations

import pytest

from pillion.kinds import registry
from pillion.kinds.lacking import Lacking, Question, importable, look, sentences
from pillion.model import SidecarKind

SENTENCE = "they need the Python package there_is_none, which is not installed"


def test_each_kind_of_this_package_looks_for_its_tools() -> None:
    without = [name for name, spec in registry.specs().items() if spec.lacking is None]
    assert [name for name in without if registry.spec(name).generators[0].startswith("pillion.")] == []


@pytest.mark.parametrize(
    ("kind", "mime"),
    [
        ("thumb", "image/jpeg"),
        ("thumb", "application/pdf"),
        ("thumb", "video/mp4"),
        ("thumbstrip", "video/mp4"),
        ("proxy", "video/mp4"),
        ("text", "text/html"),
    ],
)
def test_what_is_here_is_not_missing(kind: str, mime: str) -> None:
    function = registry.spec(SidecarKind(kind)).lacking
    assert function is not None
    assert look(Question(function=function, mime=mime, settings={})) == Lacking()


def test_a_claim_is_confirmed_in_words_of_one_s_own() -> None:
    (absent,) = sentences(importable("os", "there_is_none"), lambda: None)
    assert "there_is_none" in absent
    found = Lacking(any_file=(SENTENCE,), some=("no decoder for h264",))
    assert found.confirmed("run curl | sh") == SENTENCE
    assert found.confirmed("no decoder for h264") == "no decoder for h264"
    assert Lacking(some=("no decoder for h264",)).confirmed("no decoder for vp9") is None
