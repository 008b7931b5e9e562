"""The current tables of the catalog. Migrations bring older catalogs to this state; CHECK constraints hold the rules.

Times are seconds since 1970 as floats, given by the caller. Paths are bytes, because file names are. Conditions of
indexes are given only for SQLite here, because those for PostgreSQL would load its dialect in every process; the
migrations, which create the indexes there, give both. A new catalog in a file is made of these tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    case,
    func,
    not_,
    or_,
    select,
    text,
)

from pillion.errors import ErrorClass
from pillion.job import JobState
from pillion.machine import host_name
from pillion.model import DOCUMENTS, UNKNOWN, MediaClass, SidecarMark, SidecarStatus

metadata = MetaData()

_BigId = BigInteger().with_variant(Integer, "sqlite")


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


JOB_STATES = tuple(state for state in JobState if state is not JobState.PAUSED)
"""The states that are stored: all but PAUSED."""

THIS_DEVICE = "device"
"""The key in ``meta`` of the device that last opened the library for writing."""

NAMES = "names"
"""The key in ``meta`` of a number that grows whenever names of files may have changed."""

INVENTORY = "inventory"
"""The key in ``meta`` of a number that grows whenever ready sidecars went from the catalog without an event."""

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

devices = Table(
    "devices",
    metadata,
    Column("device_uuid", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

locations = Table(
    "locations",
    metadata,
    Column("id", _BigId, primary_key=True),
    Column("path", LargeBinary, nullable=False, unique=True),
    Column("walked", Integer, nullable=False, server_default="1"),
    Column("added_at", Float, nullable=False),
    Column("identity", Text),
    Column("offline", Text),
    Column("offline_since", Float),
    CheckConstraint("walked IN (0, 1)"),
    CheckConstraint("(offline IS NULL) = (offline_since IS NULL)"),
)
"""``identity``: of the file system and the folder's own place in it, as they were when files were last found there.
``offline``: why its files cannot be seen now; NULL while they can.
``walked`` is 0 for the one row that holds the files other indexers hand over; its path is ``/``."""

location_hosts = Table(
    "location_hosts",
    metadata,
    Column("location_id", _BigId, ForeignKey("locations.id"), nullable=False),
    Column("host", Text, nullable=False),
    Column("root", LargeBinary),
    Column("identity", Text),
    Column("offline", Text),
    Column("offline_since", Float),
    PrimaryKeyConstraint("location_id", "host"),
    CheckConstraint("(offline IS NULL) = (offline_since IS NULL)"),
)
"""How one machine sees a Location, where it sees it otherwise than ``locations`` says. ``root``: the folder there. A
catalog that several machines use at once has the other columns here, for each of them; any other in ``locations``."""

contents = Table(
    "contents",
    metadata,
    Column("content_uuid", Text, primary_key=True),
    Column("hash", Text),
    Column("size", BigInteger, nullable=False),
    Column("mime", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("thumbhash", LargeBinary),
    Column("likeness", LargeBinary),
    Column("shown_at", BigInteger),
    Column("taken_at", BigInteger),
    Column("part_of", Text),
    Column("facts_version", Integer, nullable=False, server_default="0"),
    Index("contents_mime", "mime", "shown_at", "content_uuid"),
    sqlite_with_rowid=False,
)
"""``thumbhash``: at most 25 bytes, a preview to show until a thumbnail is loaded; from the job that made thumbnails.
``likeness``: the perceptual hash of the picture, 32 bytes, from the same job.
``shown_at``: where it stands in the timeline, in ms since 1970 (catalog/locations.py); NULL while no file has it, and
for a part. ``taken_at``: the capture date by the clock on the wall, in the same ms; NULL if there is none.
``part_of``: the content of which it is a part, as the film of a Live Photo. ``facts_version``: of the rules that its
facts were read by; 0 if they were not read."""

contents_shown = Index(
    "contents_shown",
    contents.c.shown_at,
    contents.c.content_uuid,
    contents.c.mime,
    sqlite_where=text("shown_at IS NOT NULL"),
)
"""The timeline in order. It holds all that a page and the counts of months are chosen by."""
contents_parts = Index("contents_parts", contents.c.part_of, sqlite_where=text("part_of IS NOT NULL"))

facts = Table(
    "facts",
    metadata,
    Column("content_uuid", Text, ForeignKey("contents.content_uuid"), primary_key=True),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What a file says of itself: ``body`` is a JSON object (docs/facts.md). Contents that say nothing have no row."""

entries = Table(
    "entries",
    metadata,
    Column("id", _BigId, primary_key=True),
    Column("location_id", _BigId, ForeignKey("locations.id"), nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("content_uuid", Text, ForeignKey("contents.content_uuid")),
    Column("claimed_mime", Text),
    Column("error_class", Text),
    Column("error_message", Text),
    Column("removed_at", Float),
    Column("queued", Integer, nullable=False, server_default="0"),
    Column("ctime_ns", BigInteger),
    UniqueConstraint("location_id", "path"),
    CheckConstraint("queued IN (0, 1)"),
    CheckConstraint("removed_at IS NOT NULL OR (content_uuid IS NULL) != (error_class IS NULL)"),
    Index("entries_content", "content_uuid"),
)
"""``claimed_mime``: the type that the name claims, set only if the bytes are of another, or of none that is known: then
it is what the file is taken for, and the engine that reads that type decides (:data:`TAKEN_FOR`). ``removed_at``: when
the file was found to be gone. ``queued``: 0 from a change of the row until it has been queued. ``ctime_ns``: NULL for
files of other indexers."""

entries_folder = Index(
    "entries_folder",
    entries.c.location_id,
    entries.c.path,
    entries.c.content_uuid,
    sqlite_where=text("removed_at IS NULL AND content_uuid IS NOT NULL"),
)
"""The contents of a folder, read from the index alone."""

entries_to_queue = Index(
    "entries_to_queue",
    entries.c.location_id,
    entries.c.id,
    sqlite_where=text("queued = 0"),
)

folders = Table(
    "folders",
    metadata,
    Column("location_id", _BigId, ForeignKey("locations.id"), nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    PrimaryKeyConstraint("location_id", "path"),
)
"""Totals of a folder with all its subfolders; the Location itself has the path ``b""``."""

recipes = Table(
    "recipes",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("recipe", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("awaits", Text),
)
"""``recipe``: canonical JSON. ``settings``: the kind's settings for the generator, as JSON.
``awaits``: the kind of the same content that it is made from."""

sidecars = Table(
    "sidecars",
    metadata,
    Column("content_uuid", Text, ForeignKey("contents.content_uuid"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("recipe", Text),
    Column("format", Text),
    Column("rel_path", Text),
    Column("size", BigInteger),
    Column("checksum", Text),
    Column("error_class", Text),
    Column("error_message", Text),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("mark", Text),
    PrimaryKeyConstraint("content_uuid", "kind", "variant"),
    CheckConstraint(f"mark IS NULL OR ({_one_of('mark', SidecarMark)} AND status = 'ready')"),
    CheckConstraint(_one_of("status", SidecarStatus)),
    CheckConstraint("status IN ('pending', 'cancelled') OR recipe IS NOT NULL"),
    CheckConstraint(
        "(status = 'ready') = "
        "(rel_path IS NOT NULL AND size IS NOT NULL AND checksum IS NOT NULL AND format IS NOT NULL)"
    ),
    CheckConstraint("status NOT IN ('failed', 'unsupported') OR error_class IS NOT NULL"),
    sqlite_with_rowid=False,
)
"""One wanted sidecar. ``wanted``: the digest of the recipe to make it with; ``recipe``: the digest of the one that led
to its status; :func:`is_due` compares the two. ``mark``: what is special about a ready one. A ready one with an
``error_class`` is kept (:func:`is_kept`): it could not be made again with the wanted recipe. The view
``sidecar_availability`` says which device has a sidecar: this device has the ready ones; peers what they had when they
were last compared."""

sidecars_marked = Index(
    "sidecars_marked",
    sidecars.c.mark,
    sqlite_where=text("mark IS NOT NULL"),
)

peers = Table(
    "peers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("token_file", LargeBinary),
    Column("added_at", Float, nullable=False),
    Column("device_uuid", Text),
    Column("device_name", Text),
    Column("seen_at", Float),
    Column("refused", Text),
)
"""Libraries of other devices. ``url``: a web address, or the absolute path of a library's folder. ``device_uuid``,
``device_name``: as the peer said at ``seen_at``, when its sidecars were last compared with this library's. ``refused``:
why nothing is taken from it any more: what it gave was not what it had offered."""

peer_differences = Table(
    "peer_differences",
    metadata,
    Column("peer", Text, ForeignKey("peers.name", ondelete="CASCADE"), nullable=False),
    Column("content_uuid", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("recipe", Text),
    Column("checksum", Text),
    Column("size", BigInteger),
    Column("format", Text),
    Column("mark", Text),
    PrimaryKeyConstraint("peer", "content_uuid", "kind", "variant"),
    CheckConstraint("(recipe IS NULL) = (checksum IS NULL)"),
    CheckConstraint("(recipe IS NULL) = (size IS NULL)"),
    CheckConstraint("(recipe IS NULL) = (format IS NULL)"),
    sqlite_with_rowid=False,
)
"""Where a peer's ready sidecars differ from this library's, of contents that both know, as of ``peers.seen_at``: what
it has, or a NULL ``recipe`` for what it lacks. What stands in no row, both have alike."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", _BigId, primary_key=True),
    Column("content_uuid", Text, ForeignKey("contents.content_uuid"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("not_before", Float, nullable=False, server_default="0"),
    Column("lease_owner", Text),
    Column("lease_token", Text),
    Column("lease_deadline", Float),
    Column("error_class", Text),
    Column("error_message", Text),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    UniqueConstraint("content_uuid", "kind"),
    CheckConstraint(_one_of("state", JOB_STATES)),
    CheckConstraint(
        "(state = 'running') = (lease_owner IS NOT NULL AND lease_token IS NOT NULL AND lease_deadline IS NOT NULL)"
    ),
    CheckConstraint("state != 'failed' OR error_class IS NOT NULL"),
    CheckConstraint("attempts >= 0"),
)
"""One job per content and kind. Its variants are the sidecar rows that are due. A finished job is queued again in the
same row."""

failures = Table(
    "failures",
    metadata,
    Column("content_uuid", Text, ForeignKey("contents.content_uuid"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("error_class", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("stderr_tail", Text, nullable=False, server_default=""),
    Column("exit_status", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("last_at", Float, nullable=False),
    Column("resolved_at", Float),
    PrimaryKeyConstraint("content_uuid", "kind", "variant", "recipe"),
    CheckConstraint(_one_of("error_class", (item for item in ErrorClass if not item.environment))),
    CheckConstraint("attempts >= 0"),
    sqlite_with_rowid=False,
)
"""The failure ledger: why a sidecar failed with one recipe, and how often. ``attempts`` 0: it was not tried, because
what it is made from failed. ``resolved_at``: when it was made after all, or failed with another recipe; the row stays.
"""

failures_open = Index(
    "failures_open",
    failures.c.error_class,
    sqlite_where=text("resolved_at IS NULL"),
)

holds = Table(
    "holds",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("error_class", Text, nullable=False),
    Column("notice", Text, nullable=False),
    Column("since", Float, nullable=False),
    CheckConstraint(_one_of("error_class", (item for item in ErrorClass if item.environment))),
)
"""Kinds whose work is held back until a fault of the machine is fixed. ``kind`` "" is every kind."""

pauses = Table(
    "pauses",
    metadata,
    Column("kind", Text, nullable=False),
    Column("location_id", BigInteger, nullable=False),
    Column("since", Float, nullable=False),
    PrimaryKeyConstraint("kind", "location_id"),
)
"""What the user has paused. ``kind`` "" is every kind; ``location_id`` 0 is everywhere."""

jobs_queue = Index(
    "jobs_queue",
    jobs.c.kind,
    jobs.c.priority,
    jobs.c.id,
    sqlite_where=text("state = 'queued'"),
)
jobs_running = Index(
    "jobs_running",
    jobs.c.lease_owner,
    jobs.c.lease_token,
    sqlite_where=text("state = 'running'"),
)
jobs_delayed = Index(
    "jobs_delayed",
    jobs.c.kind,
    jobs.c.not_before,
    sqlite_where=text("state = 'queued' AND not_before > 0"),
)
"""Jobs that wait for their next try: usually few of the queued jobs."""

history = Table(
    "history",
    metadata,
    Column("kind", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("media_class", Text, nullable=False),
    Column("number", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("bytes", Float, nullable=False),
    Column("source_bytes", Float, nullable=False),
    PrimaryKeyConstraint("kind", "variant", "media_class"),
    CheckConstraint(_one_of("media_class", MediaClass)),
    CheckConstraint("number > 0 AND seconds >= 0 AND bytes >= 0 AND source_bytes >= 0"),
)
"""Sums of measurements: ``number`` sidecars took a worker ``seconds``, and ``source_bytes`` became ``bytes``. The sums
are halved whenever ``number`` is large, so older measurements count less."""

events = Table(
    "events",
    metadata,
    Column("first_id", _BigId, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("body", Text, nullable=False),
    CheckConstraint("number > 0"),
)
"""One row for the events of one transaction: ``body`` is a JSON array of ``number`` events, and ``first_id`` is the id
of the first. Only the newest are kept."""


# the rule of what is due ----------------------------------------------------------------------------------------------


def is_due(rows: FromClause) -> ColumnElement[bool]:
    """Whether rows of ``sidecars`` (or of an alias of it) must be made with the wanted recipe.

    This is the only place with this rule: all statements, built or written as text, take it from here.
    """
    other = or_(rows.c.recipe.is_(None), rows.c.recipe != rows.c.wanted)
    return and_(other, rows.c.status != SidecarStatus.CANCELLED.value, not_(is_kept(rows)))


def is_kept(rows: FromClause) -> ColumnElement[bool]:
    """Whether rows are ready with an older recipe, because making them with the wanted one failed for good.

    Whoever changes ``wanted``, or asks for the sidecar again, clears the error: then it is due.
    """
    return and_(rows.c.status == SidecarStatus.READY.value, rows.c.error_class.is_not(None))


DUE = is_due(sidecars)
KEPT = is_kept(sidecars)
DUE_TEXT = f"({DUE.compile(compile_kwargs={'literal_binds': True})})"
"""The rule for statements that are written as text."""


# how this machine sees a Location -------------------------------------------------------------------------------------


def _here(name: str) -> ColumnElement[Any]:
    mine = and_(location_hosts.c.location_id == locations.c.id, location_hosts.c.host == HERE)
    seen = select(location_hosts.c[name]).where(mine).correlate(locations).scalar_subquery()
    return func.coalesce(seen, locations.c["path" if name == "root" else name])


HERE = bindparam("this_host", callable_=host_name, type_=Text)
"""The name of this machine."""

ROOT = _here("root")
"""The folder of a row of ``locations``, as this machine sees it."""
IDENTITY = _here("identity")
OFFLINE = _here("offline")
OFFLINE_SINCE = _here("offline_since")
ROOT_TEXT = (
    "coalesce((SELECT root FROM location_hosts WHERE location_hosts.location_id = locations.id"
    " AND location_hosts.host = :host), locations.path)"
)
"""The same for statements that are written as text."""


# what a content is taken for ------------------------------------------------------------------------------------------


def _taken_for() -> ColumnElement[str]:
    named = entries.alias("named")
    claimed = (
        select(func.max(named.c.claimed_mime))
        .where(named.c.content_uuid == contents.c.content_uuid, named.c.removed_at.is_(None))
        .where(func.substr(named.c.claimed_mime, 1, len(DOCUMENTS)) != DOCUMENTS)
        .correlate(contents)
        .scalar_subquery()
    )
    return case((contents.c.mime == UNKNOWN, func.coalesce(claimed, contents.c.mime)), else_=contents.c.mime)


TAKEN_FOR = _taken_for()
"""The type of a row of ``contents``: that of its bytes, or where these say nothing, that of the picture, sound or film
that a file's name claims."""
TAKEN_FOR_TEXT = (
    f"CASE WHEN contents.mime = '{UNKNOWN}' THEN coalesce((SELECT max(named.claimed_mime) FROM entries AS named"
    " WHERE named.content_uuid = contents.content_uuid AND named.removed_at IS NULL"
    f" AND substr(named.claimed_mime, 1, {len(DOCUMENTS)}) <> '{DOCUMENTS}'), contents.mime)"
    " ELSE contents.mime END"
)
"""The same for statements that are written as text."""

AVAILABILITY = (
    "CREATE VIEW sidecar_availability AS"
    " SELECT sidecars.content_uuid, sidecars.kind, sidecars.variant, meta.value AS device_uuid, 1 AS has,"
    " sidecars.size, sidecars.checksum, sidecars.updated_at AS last_seen_at, NULL AS peer"
    " FROM sidecars JOIN meta ON meta.key = 'device' WHERE sidecars.status = 'ready'"
    " UNION ALL SELECT theirs.content_uuid, theirs.kind, theirs.variant, peers.device_uuid, 1,"
    " theirs.size, theirs.checksum, peers.seen_at, peers.name"
    " FROM peer_differences AS theirs JOIN peers ON peers.name = theirs.peer WHERE theirs.recipe IS NOT NULL"
    " UNION ALL SELECT sidecars.content_uuid, sidecars.kind, sidecars.variant, peers.device_uuid, 1,"
    " sidecars.size, sidecars.checksum, peers.seen_at, peers.name"
    " FROM peers JOIN sidecars ON sidecars.status = 'ready' AND sidecars.updated_at <= peers.seen_at"
    " WHERE NOT EXISTS (SELECT 1 FROM peer_differences AS theirs WHERE theirs.peer = peers.name"
    " AND theirs.content_uuid = sidecars.content_uuid AND theirs.kind = sidecars.kind"
    " AND theirs.variant = sidecars.variant)"
)
"""Makes the view ``sidecar_availability``."""
