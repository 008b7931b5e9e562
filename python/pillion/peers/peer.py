"""What a peer answers, whatever way it is reached. All of it is data: lengths and types are checked by who asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Protocol

import msgspec

from pillion.catalog.peers import Offer
from pillion.errors import PillionError
from pillion.model import SidecarFormat, SidecarKind, SidecarMark

PROTOCOL = 2
"""Of the exchange; a peer with another one is not compared."""

MOST_BUCKETS = 1024
"""Buckets that one call may name."""

MOST_OFFERS = 4096
"""Offers that one call may ask for."""

MOST_READ = 256
"""Sidecars whose bytes one call may ask for."""

MOST_READ_BYTES = 16 << 20
"""The bytes of them all."""


class PeerError(PillionError):
    """A peer cannot be reached, is older or newer, or does not let us in. Nothing is known to be wrong with it."""


class PeerLied(PeerError):
    """A peer gave something else than it had offered, or what no library would give. Nothing is taken from it."""


class About(msgspec.Struct, frozen=True):
    """A peer's library. ``top``: the digests of its branches (inventory.py), 4 kB."""

    protocol: int
    device_uuid: Annotated[str, msgspec.Meta(max_length=64)] | None
    device_name: Annotated[str, msgspec.Meta(max_length=255)] | None
    top: bytes


class Peer(Protocol):
    """A library of another device. Each call raises PeerError."""

    @property
    def received(self) -> int:
        """Bytes that came from it, by now; of a folder, those that would have come."""
        ...

    def about(self) -> About:
        """Which device it is, and the top of its inventory."""
        ...

    def branches(self, prefixes: Sequence[str]) -> Mapping[str, bytes]:
        """Two digits -> the digests of the buckets that begin with them, 4 kB."""
        ...

    def short_hashes(self, buckets: Sequence[str]) -> Mapping[str, bytes]:
        """Bucket -> the short hashes of its offers; at most :data:`MOST_BUCKETS` are asked for."""
        ...

    def offers(self, wanted: Mapping[str, bytes]) -> Sequence[Offer]:
        """The offers with these short hashes; at most :data:`MOST_OFFERS` are asked for."""
        ...

    def read(self, offer: Offer) -> bytes | None:
        """The bytes of a sidecar; None if it is there no more. They may be others, or more, than were offered."""
        ...

    def read_many(self, offers: Sequence[Offer]) -> Iterator[bytes | None]:
        """The same of several, in order, each as it is taken or some ahead."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...

    def abort(self) -> None:
        """Let a call that waits in another thread end by PeerError, soon, and every later one."""
        ...


class SentOffer(msgspec.Struct, frozen=True, array_like=True):
    """An offer as it is sent, with the only values that Pillion writes."""

    content_uuid: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
    kind: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}\Z")]
    variant: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}\Z")]
    recipe: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,128}\Z")]
    checksum: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    size: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
    format: SidecarFormat | None
    mark: SidecarMark | None = None


def sent(offer: Offer) -> SentOffer:
    """An offer, to be sent."""
    return SentOffer(
        content_uuid=offer.content_uuid,
        kind=str(offer.kind),
        variant=offer.variant,
        recipe=offer.recipe,
        checksum=offer.checksum,
        size=offer.size,
        format=offer.format,
        mark=offer.mark,
    )


def taken(offer: SentOffer) -> Offer:
    """An offer that was sent, and has been decoded by its schema. Raises PeerLied for one that is neither a file nor
    nothing.
    """
    is_file = (offer.format is not None, bool(offer.checksum), offer.size > 0)
    if any(is_file) and not all(is_file):
        raise PeerLied(f"It offered {offer.kind} {offer.variant} of {offer.content_uuid} with half of what a file has.")
    values = {name: getattr(offer, name) for name in SentOffer.__struct_fields__}
    return Offer(**{**values, "kind": SidecarKind(offer.kind)})
