"""The table of mounted file systems, and which of them are polled."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillion.watch import limits
from pillion.watch.mounts import is_polled, mounts, type_at

TABLE = b"""\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /proc rw,nosuid shared:5 - proc proc rw
41 22 0:40 / /home/me/My\\040Pictures rw shared:9 master:3 - fuse.sshfs me@nas:/pictures rw
42 22 0:41 / /mnt/nas rw - nfs4 nas:/all rw,vers=4.2
43 22 8:17 / /media/usb rw - fuseblk /dev/sdb1 rw
44 43 0:42 / /media/usb rw - vfat /dev/sdb2 rw
"""


def test_the_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mountinfo"
    file.write_bytes(TABLE)
    table = mounts(file)
    assert table[b"/home/me/My Pictures"] == "fuse.sshfs"
    assert table[b"/media/usb"] == "vfat"
    assert type_at(b"/mnt/nas/2024/x", table) == "nfs4"
    assert type_at(b"/mnt/nasty", table) == "ext4"
    assert type_at(b"/", table) == "ext4"
    assert type_at(b"/x", {}) == ""
    assert mounts(tmp_path / "none") == {}


def test_this_machine_has_a_table() -> None:
    table = mounts()
    if table:
        assert type_at(b"/proc/self", table) == "proc"


@pytest.mark.parametrize(
    ("file_system", "polled"),
    [
        *((kind, True) for kind in ("nfs", "cifs", "fuse.rclone", "fuse", "9p")),
        *((kind, False) for kind in ("ext4", "fuseblk", "overlay", "tmpfs", "")),
    ],
)
def test_what_others_change_without_notice_is_polled(file_system: str, polled: bool) -> None:
    assert is_polled(file_system) is polled


def test_a_limit_has_a_command_that_raises_it() -> None:
    now = limits.now()
    for limit, name in (("watches", "max_user_watches"), ("instances", "max_user_instances")):
        command = limits.command(limit)
        assert command.startswith(f"sudo sysctl fs.inotify.{name}=")
        assert int(command.rpartition("=")[2]) > (now[limit] or 0)
        assert command in limits.sentence(limit, "/x", 30)
