"""What a server and a worker without a mount say to each other. Each side reads the other's words by these schemas."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from pillion import __version__
from pillion.errors import ErrorClass, PillionError
from pillion.model import SidecarFormat

PROTOCOL = f"1/{__version__}"
"""Both sides must be of one version: a recipe names what was made with it by the version of the generator only."""

MOST_JOBS = 64
"""Jobs that one claim may take."""

MOST_RESULTS = 256
"""Results in one message."""

MOST_HELD = 512
"""Jobs that one session has at a time."""

MOST_VARIANTS = 64
"""Variants of one job, and sidecars that it is made from."""

SESSION_S = 30.0
"""A worker that has not been heard of for so long is gone: others get its jobs."""

_Id = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53))]
_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Word = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,128}\Z")]
_Variant = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}\Z")]
_Token = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
_Message = Annotated[str, msgspec.Meta(max_length=8000)]
_Size = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53))]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of something to fetch. ``suffix``: how the user's file ends, which some readers go by."""

    size: _Size
    hash: _Hash | None
    suffix: Annotated[str, msgspec.Meta(pattern=r"^(\.[A-Za-z0-9]{1,10})?\Z")] = ""


class Lent(msgspec.Struct, frozen=True, kw_only=True):
    """A job that is lent. ``claim``: the fencing token, without which nothing of it is taken back.

    ``recipes``: variant -> the digest of the recipe that is wanted. ``sample_above``: of the source's hash.
    ``texts``: kind -> the sidecar that it is made from. ``seconds``: what it may take. ``checkpoint``: what an earlier
    try has made so far, from which this one may go on.
    """

    job: _Id
    claim: _Token
    kind: _Word
    content_uuid: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{36}\Z")]
    mime: Annotated[str, msgspec.Meta(max_length=255)]
    source: Source
    sample_above: _Size
    recipes: Annotated[dict[_Variant, _Word], msgspec.Meta(max_length=MOST_VARIANTS)]
    settings: dict[str, Any]
    texts: Annotated[dict[_Word, Source], msgspec.Meta(max_length=MOST_VARIANTS)]
    priority: int
    seconds: _Seconds
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    alone: bool = False
    checkpoint: Source | None = None


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a claim. ``again_s``: in so many seconds there may be more; None: nothing is left to wait for."""

    jobs: Annotated[list[Lent], msgspec.Meta(max_length=MOST_JOBS)]
    again_s: _Seconds | None = None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A session. Its id is secret."""

    session: _Token
    protocol: str


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs that are still this worker's, and not to be stopped."""

    jobs: Annotated[list[_Id], msgspec.Meta(max_length=10_000)]


class Made(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sidecar that was uploaded."""

    variant: _Variant
    format: SidecarFormat
    size: _Size
    checksum: _Hash
    recipe: _Word


class Failed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why there is none."""

    error_class: ErrorClass
    message: _Message
    stderr_tail: _Message = ""
    exit_status: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Returned(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a job ended: exactly one of ``made``, ``empty`` (a note) and ``failed``."""

    job: _Id
    claim: _Token
    seconds: _Seconds
    made: Annotated[list[Made], msgspec.Meta(max_length=MOST_VARIANTS)] | None = None
    empty: _Message | None = None
    failed: Failed | None = None

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.made, self.empty, self.failed)) != 1:
            raise ValueError("a result is one of made, empty and failed")


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What of the results was recorded, and why the others were not (job -> why)."""

    recorded: list[_Id]
    refused: dict[str, str]


class DeskError(PillionError):
    """A worker asks for what it may not have, or its time is over. ``status``: as HTTP has it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Over(DeskError):
    """The session, or the claim of a job, is over: whoever has the job now makes it."""

    def __init__(self, what: str) -> None:
        super().__init__(410, f"{what} is over: it was not heard of for too long, or the job is another's now.")


class Lied(DeskError):
    """What a worker sent is not what it says."""

    def __init__(self, why: str) -> None:
        super().__init__(422, why)
