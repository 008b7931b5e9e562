"""Device policies: what is wanted for which class of file."""

from __future__ import annotations

import pytest

from pillion.errors import UsageError
from pillion.kinds.embedding.kind import EMBEDDING_MODEL
from pillion.kinds.registry import (
    built_in_policies,
    named_policy,
    override,
    restrict,
    wanted_kinds,
    wanted_on_demand,
    wanted_sidecars,
)
from pillion.model import MediaClass, SidecarKind
from pillion.settings.config import OwnPolicy


def test_the_three_policies_are_those_of_the_design() -> None:
    thumbs = {name: policy.kinds["thumb"].variants for name, policy in built_in_policies().items()}
    assert set(thumbs["mobile"]) == {"grid@2x", "icon"}
    assert set(thumbs["desktop"]) == {"grid@2x", "detail@1x", "grid@3x"}
    assert set(thumbs["server"]) == {"grid@2x", "detail@1x", "grid@3x", "detail@2x"}
    assert set(built_in_policies()["mobile"].kinds) == {"thumb"}
    assert built_in_policies()["desktop"].kinds["embeddings"].variants == (EMBEDDING_MODEL,)


@pytest.mark.parametrize(
    ("media_class", "kinds"),
    [
        (MediaClass.IMAGE, ["thumb", "ocr", "embeddings"]),
        (MediaClass.PDF, ["thumb", "ocr", "embeddings"]),
        (MediaClass.VIDEO, ["thumb", "transcript", "embeddings"]),
        (MediaClass.AUDIO, ["transcript", "embeddings"]),
        (MediaClass.TEXT, ["text", "embeddings"]),
        (MediaClass.OTHER, []),
    ],
)
def test_desktop_wants_by_class(media_class: MediaClass, kinds: list[str]) -> None:
    assert list(wanted_kinds(named_policy("desktop"), media_class)) == kinds


def test_the_embeddings_of_a_drawing_wait_for_no_recognition() -> None:
    """Its text is its own; pictures have to be recognised first."""
    for mime, awaits in (("image/svg+xml", None), ("image/png", "ocr")):
        wants = {want.kind: want for want in wanted_sidecars(named_policy("desktop"), mime, None)}
        assert wants["embeddings"].awaits == awaits
        assert ("made_from" in wants["embeddings"].recipe.settings) is (awaits is not None)


def test_the_recognition_of_a_drawing_is_not_wanted() -> None:
    """There is nothing to be had from it; a file that only claims to be a picture is told what it is."""
    policy = named_policy("desktop")
    assert [want.kind for want in wanted_sidecars(policy, "image/svg+xml", None)] == [*["thumb"] * 3, "embeddings"]
    assert "ocr" in {want.kind for want in wanted_sidecars(policy, "text/plain", "image/png")}
    assert wanted_on_demand(policy, SidecarKind("ocr"), "default", "image/svg+xml") == []


def test_embeddings_are_not_wanted_where_their_text_is_switched_off() -> None:
    policy = override(named_policy("desktop"), {"ocr": {"enable": False}})
    assert "embeddings" not in wanted_kinds(policy, MediaClass.IMAGE)
    assert "embeddings" in wanted_kinds(policy, MediaClass.AUDIO)


def test_override_changes_variants_and_settings_and_keeps_the_rest() -> None:
    changes = {"thumb": {"variants": ["icon"]}, "ocr": {"languages": ["deu"]}}
    policy = override(named_policy("desktop"), changes)
    assert policy.kinds["thumb"].variants == ("icon",)
    assert policy.kinds["ocr"].settings == {"languages": ["deu"]}
    assert policy.kinds["transcript"] == named_policy("desktop").kinds["transcript"]


def test_override_adds_a_kind_that_the_policy_lacks() -> None:
    policy = override(named_policy("mobile"), {"ocr": {"languages": ["eng"]}})
    assert "ocr" in wanted_kinds(policy, MediaClass.IMAGE)


def test_restrict_keeps_only_the_kinds_asked_for() -> None:
    policy = restrict(named_policy("desktop"), ["thumb"])
    assert list(wanted_kinds(policy, MediaClass.PDF)) == ["thumb"]


def test_an_unknown_policy_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="mobile, desktop, server"):
        named_policy("toaster")


def test_a_changed_setting_does_not_switch_a_kind_on_again() -> None:
    off = override(named_policy("desktop"), {"ocr": {"enable": False}})
    assert not override(off, {"ocr": {"languages": ["deu"]}}).kinds["ocr"].enable


def test_a_policy_of_ones_own_is_another_one_with_changes() -> None:
    own = {
        "laptop": OwnPolicy(base="desktop", kinds={"transcript": {"enable": False}}),
        "mobile": OwnPolicy(base="mobile", kinds={"thumb": {"variants": ["icon"]}}),
    }
    laptop = named_policy("laptop", own)
    assert laptop.name == "laptop"
    assert list(wanted_kinds(laptop, MediaClass.AUDIO)) == []
    assert named_policy("mobile", own).kinds["thumb"].variants == ("icon",)
    with pytest.raises(UsageError, match="mobile, desktop, server, laptop"):
        named_policy("desk", own)
