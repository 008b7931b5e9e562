"""The kind ``proxy``: its sizes, and how its jobs are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pillion.kinds.settings import between
from pillion.kinds.spec import FirstGuess, KindSpec, Limits
from pillion.model import MediaClass, SidecarKind

PROXY = SidecarKind("proxy")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProxySpec:
    """One variant: the most pixels of the shorter side, the quality (libvpx's crf, 0, the best, to 63), and the most
    bits a second that pictures take.
    """

    name: str
    short_side: int
    crf: int
    bits: int


PROXY_SPECS: Mapping[str, ProxySpec] = {
    spec.name: spec
    for spec in (
        ProxySpec(name="180p", short_side=180, crf=36, bits=250_000),
        ProxySpec(name="480p", short_side=480, crf=35, bits=1_200_000),
        ProxySpec(name="720p", short_side=720, crf=34, bits=2_500_000),
    )
}

MOST_BYTES = 700 << 20
"""Of a proxy, about: workers write no file over 1 GiB. Films that are too long for it get fewer bits a second."""

PLAYED_SOUND = frozenset(
    ("audio/mpeg", "audio/flac", "audio/ogg", "audio/wav", "audio/x-wav", "audio/webm", "audio/aac")
)
"""Types of sound that browsers play as they are: no proxy is made of them."""

PLAYED_CODECS = frozenset(("aac", "mp3", "mp3float", "opus", "vorbis", "flac"))
"""The same for sound in the types of MP4_SOUND, by the codec."""
MP4_SOUND = frozenset(("audio/mp4", "video/mp4", "video/quicktime", "video/webm"))

KIND = KindSpec(
    name=PROXY,
    directory="proxies",
    order=60,
    variants=tuple(PROXY_SPECS),
    classes=frozenset({MediaClass.VIDEO, MediaClass.AUDIO}),
    policies={"server": ("480p",)},
    by_variant={"crf": between(0, 63, "a quality of VP9")},
    given="pillion.kinds.proxy.given:given",
    lacking="pillion.kinds.proxy.lacking:lacking",
    from_peers=False,
    # A step is a part of a second of film; the whole may take hours.
    limits=Limits(
        deadline_s=180,
        deadline_s_per_mib=0.02,
        cpu_s=180,
        cpu_s_per_mib=0.02,
        whole_s=12 * 3600,
        whole_s_per_mib=240,
        memory_mib=4096,
        written_mib=3 * 2 * MOST_BYTES / (1 << 20),
        per_worker=4,
        batch_s=15.0,
        checkpoints=True,
    ),
    first_guess=FirstGuess(
        seconds_per_mib=(("video/", 1.5), ("audio/", 0.1), ("", 1.5)),
        bytes={"180p": 8e6, "480p": 30e6, "720p": 70e6},
    ),
    generators=("pillion.kinds.proxy.generator:ProxyGenerator",),
)
