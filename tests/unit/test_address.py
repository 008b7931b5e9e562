"""The addresses of sidecars: what is one, what it means, and its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.errors import UsageError
from pillion.model import EXTENSIONS, SidecarFormat, SidecarUri

UUID = "1b4e28ba-2fa1-8d2b-883f-0016d3cca427"
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/#\0"), min_size=1, max_size=20)


@given(kind=names, variant=names, file_format=st.none() | st.sampled_from(SidecarFormat))
def test_the_text_of_an_address_means_the_same(kind: str, variant: str, file_format: SidecarFormat | None) -> None:
    address = SidecarUri(content_uuid=UUID, kind=kind, variant=variant, format=file_format)
    if file_format is None and "." in variant:
        # Its end may be taken for a format; with one it is not.
        return
    assert SidecarUri.parse(str(address)) == address


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    for attempt in (text, SidecarUri.SCHEME + text, f"{SidecarUri.SCHEME}{UUID}/{text}"):
        try:
            assert SidecarUri.parse(attempt).content_uuid == UUID
        except UsageError:
            continue


def test_what_is_left_out_is_any() -> None:
    assert SidecarUri.parse(f"sidecar://{UUID}") == SidecarUri(content_uuid=UUID)
    assert SidecarUri.parse(f"SIDECAR://{UUID.upper()}/thumb/") == SidecarUri(content_uuid=UUID, kind="thumb")
    assert SidecarUri.parse(f"sidecar://{UUID}").is_pattern
    assert not SidecarUri.parse(f"sidecar://{UUID}/ocr/default").is_pattern


@pytest.mark.parametrize(
    "text",
    [
        "",
        UUID,
        f"file://{UUID}",
        "sidecar://",
        "sidecar://photo.jpg/thumb/icon",
        f"sidecar://{UUID}//icon",
        f"sidecar://{UUID}/thumb/icon/more",
        f"sidecar://{UUID}/thumb/icon#part",
        "sidecar://*/thumb/icon",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is no address"):
        SidecarUri.parse(text)


def test_an_ending_is_a_format_only_if_there_is_such_a_format() -> None:
    assert SidecarUri.parse(f"sidecar://{UUID}/thumb/grid@2x.webp").format is SidecarFormat.WEBP
    assert SidecarUri.parse(f"sidecar://{UUID}/thumb/grid@2x.jpeg").format is SidecarFormat.JPEG
    assert SidecarUri.parse(f"sidecar://{UUID}/transcript/base.en").variant == "base.en"
    for file_format, ending in EXTENSIONS.items():
        assert SidecarUri.parse(f"sidecar://{UUID}/kind/a.b.{ending}") == SidecarUri(
            content_uuid=UUID, kind="kind", variant="a.b", format=file_format
        )


def test_patterns() -> None:
    every = SidecarUri.parse(f"sidecar://{UUID}/thumb/grid@*.webp")
    assert every.is_pattern
    assert every.matches("thumb", "grid@2x", SidecarFormat.WEBP)
    assert every.matches("thumb", "grid@3x", None)
    assert not every.matches("thumb", "icon", SidecarFormat.WEBP)
    assert not every.matches("thumb", "grid@2x", SidecarFormat.AVIF)
    assert not every.matches("ocr", "grid@2x", SidecarFormat.WEBP)
