"""Mounted file systems: which of them tell nobody what other machines change, so that they have to be polled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

TABLE = Path("/proc/self/mountinfo")

_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "smbnetfs", "sshfs", "afs", "ceph", "glusterfs", "lustre"}
    | {"davfs", "9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "beegfs", "gfs2", "ocfs2", "orangefs", "coda", "ncpfs"}
)
_LOCAL_FUSE = frozenset({"fuseblk"})
"""Disks of this machine behind FUSE (NTFS, exFAT): all that changes goes through the kernel, which tells of it."""


def mounts(table: Path = TABLE) -> Mapping[bytes, str]:
    """Folder -> type of the file system that is mounted there; of several on one folder the last. Empty without Linux.

    proc(5), /proc/pid/mountinfo: the fifth field is the folder; the type is the first field after " - ".
    """
    try:
        lines = table.read_bytes().splitlines()
    except OSError:
        return {}
    found: dict[bytes, str] = {}
    for line in lines:
        before, separator, after = line.partition(b" - ")
        fields = before.split(b" ")
        if separator and len(fields) > 4:
            found[_unescaped(fields[4])] = after.split(b" ")[0].decode("utf-8", "replace").lower()
    return found


def is_polled(file_system: str) -> bool:
    """Whether changes in a file system of this type, as the table names it, may come from elsewhere without notice."""
    return file_system in _REMOTE or (file_system.startswith("fuse") and file_system not in _LOCAL_FUSE)


def type_at(folder: bytes, table: Mapping[bytes, str]) -> str:
    """The type of the file system that holds a folder (an absolute, real path); "" if the table does not say."""
    while True:
        if folder in table:
            return table[folder]
        if folder == b"/" or not folder:
            return ""
        folder = folder[: folder.rfind(b"/")] or b"/"


def _unescaped(name: bytes) -> bytes:
    """The kernel writes spaces and backslashes in a folder's name as three octal digits."""
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), name)
