"""Device policies: what is wanted for which class of file."""

from __future__ import annotations

import pytest

from pillion.errors import UsageError
from pillion.index.policy import POLICIES, named_policy, override, restrict, wanted_kinds
from pillion.model import EMBEDDING_MODEL, MediaClass, SidecarKind
from pillion.settings.config import OwnPolicy


def test_the_three_policies_are_those_of_the_design() -> None:
    thumbs = {name: policy.kinds[SidecarKind.THUMB].variants for name, policy in POLICIES.items()}
    assert set(thumbs["mobile"]) == {"grid@2x", "icon"}
    assert set(thumbs["desktop"]) == {"grid@2x", "detail@1x", "grid@3x"}
    assert set(thumbs["server"]) == {"grid@2x", "detail@1x", "grid@3x", "detail@2x"}
    assert set(POLICIES["mobile"].kinds) == {SidecarKind.THUMB}
    assert POLICIES["desktop"].kinds[SidecarKind.EMBEDDINGS].variants == (EMBEDDING_MODEL,)


@pytest.mark.parametrize(
    ("media_class", "kinds"),
    [
        (MediaClass.IMAGE, ["thumb", "ocr", "embeddings"]),
        (MediaClass.PDF, ["thumb", "ocr", "embeddings"]),
        (MediaClass.VIDEO, ["thumb", "transcript", "embeddings"]),
        (MediaClass.AUDIO, ["transcript", "embeddings"]),
        (MediaClass.TEXT, ["embeddings"]),
        (MediaClass.OTHER, []),
    ],
)
def test_desktop_wants_by_class(media_class: MediaClass, kinds: list[str]) -> None:
    assert list(wanted_kinds(named_policy("desktop"), media_class)) == kinds


def test_embeddings_are_not_wanted_where_their_text_is_switched_off() -> None:
    policy = override(named_policy("desktop"), {SidecarKind.OCR: {"enable": False}})
    assert SidecarKind.EMBEDDINGS not in wanted_kinds(policy, MediaClass.IMAGE)
    assert SidecarKind.EMBEDDINGS in wanted_kinds(policy, MediaClass.AUDIO)


def test_override_changes_variants_and_settings_and_keeps_the_rest() -> None:
    changes = {SidecarKind.THUMB: {"variants": ["icon"]}, SidecarKind.OCR: {"languages": ["deu"]}}
    policy = override(named_policy("desktop"), changes)
    assert policy.kinds[SidecarKind.THUMB].variants == ("icon",)
    assert policy.kinds[SidecarKind.OCR].settings == {"languages": ["deu"]}
    assert policy.kinds[SidecarKind.TRANSCRIPT] == named_policy("desktop").kinds[SidecarKind.TRANSCRIPT]


def test_override_adds_a_kind_that_the_policy_lacks() -> None:
    policy = override(named_policy("mobile"), {SidecarKind.OCR: {"languages": ["eng"]}})
    assert SidecarKind.OCR in wanted_kinds(policy, MediaClass.IMAGE)


def test_restrict_keeps_only_the_kinds_asked_for() -> None:
    policy = restrict(named_policy("desktop"), [SidecarKind.THUMB])
    assert list(wanted_kinds(policy, MediaClass.PDF)) == [SidecarKind.THUMB]


def test_an_unknown_policy_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="mobile, desktop, server"):
        named_policy("toaster")


def test_a_changed_setting_does_not_switch_a_kind_on_again() -> None:
    off = override(named_policy("desktop"), {SidecarKind.OCR: {"enable": False}})
    assert not override(off, {SidecarKind.OCR: {"languages": ["deu"]}}).kinds[SidecarKind.OCR].enable


def test_a_policy_of_ones_own_is_another_one_with_changes() -> None:
    own = {
        "laptop": OwnPolicy(base="desktop", kinds={SidecarKind.TRANSCRIPT: {"enable": False}}),
        "mobile": OwnPolicy(base="mobile", kinds={SidecarKind.THUMB: {"variants": ["icon"]}}),
    }
    laptop = named_policy("laptop", own)
    assert laptop.name == "laptop"
    assert list(wanted_kinds(laptop, MediaClass.AUDIO)) == []
    assert named_policy("mobile", own).kinds[SidecarKind.THUMB].variants == ("icon",)
    with pytest.raises(UsageError, match="mobile, desktop, server, laptop"):
        named_policy("desk", own)
