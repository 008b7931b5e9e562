"""Ports for servers that are started again where they were."""

from __future__ import annotations

import os
import socket
from itertools import count
from pathlib import Path

_FIRST = 10_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_numbers = count()


def lasting_port() -> int:
    """A free port of this machine that stays so: it is none of those that the kernel gives to connections and servers.

    Between two starts of a server a port that the kernel gave may go to anybody. Processes begin at different ports.
    """
    number = int(_EPHEMERAL.read_text().split()[0]) - _FIRST
    while True:
        port = _FIRST + (os.getpid() * 64 + next(_numbers)) % number
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
