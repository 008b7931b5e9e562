"""A Dask cluster that speaks TLS alone: certificates of an authority made here, and who has none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion import Library
from pillion.model import SidecarStatus
from tests.support import dask, photos, program
from tests.support.certificates import Authority

PICTURES = 6

pytestmark = pytest.mark.slow

_TLS = "DASK_DISTRIBUTED__COMM__TLS__"


def _settings(authority: Authority, *roles: str) -> dict[str, str]:
    """The environment of processes in these roles: which authority they go by, and their own certificates."""
    found = {f"{_TLS}CA_FILE": str(authority.file), "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"}
    for role in roles:
        cert, key = authority.sign(role)
        found |= {f"{_TLS}{role.upper()}__CERT": str(cert), f"{_TLS}{role.upper()}__KEY": str(key)}
    return found


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path / "certificates")


@pytest.fixture
def cluster(tmp_path: Path, authority: Authority) -> Iterator[dask.Cluster]:
    settings = _settings(authority, "scheduler", "worker")
    with dask.running(tmp_path / "dask", env=settings, protocol="tls") as started:
        started.add_worker(threads=2)
        yield started


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    for number in range(PICTURES):
        photos.write_photo(tmp_path / f"pictures/{number}.jpg", seed=number, size=(160, 120))
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(tmp_path / "pictures", kinds=["thumb"])
    return tmp_path / "library"


def _states(root: Path) -> set[SidecarStatus]:
    with Library.open(root) as library:
        return {item.state for item in library.ls(kind="thumb")}


def test_what_is_asked_and_made_passes_encrypted(cluster: dask.Cluster, root: Path, authority: Authority) -> None:
    env = _settings(authority, "client")
    done = program.run("work", "--library", root, "--dask", cluster.address, env=env)
    assert done.returncode == 0, done.stderr
    assert _states(root) == {SidecarStatus.READY}


def test_who_has_no_certificate_of_the_authority_is_not_let_in(
    cluster: dask.Cluster, root: Path, tmp_path: Path
) -> None:
    env = _settings(Authority.made(tmp_path / "others"), "client")
    done = program.run("work", "--library", root, "--dask", cluster.address, env=env)
    assert done.returncode == 4, done.stderr
    assert f"The Dask scheduler at {cluster.address} does not answer" in done.stderr
    in_the_clear = program.run("work", "--library", root, "--dask", cluster.address.replace("tls:", "tcp:"))
    assert in_the_clear.returncode == 4, in_the_clear.stderr
    assert _states(root) == {SidecarStatus.PENDING}


@pytest.mark.parametrize("lacks", ["all", "key"])
def test_an_address_without_certificates_is_said_at_once(root: Path, authority: Authority, lacks: str) -> None:
    settings = _settings(authority, "client") if lacks == "key" else {}
    if lacks == "key":
        Path(settings[f"{_TLS}CLIENT__KEY"]).unlink()
    done = program.run("work", "--library", root, "--dask", "tls://127.0.0.1:1", env=settings)
    assert done.returncode == 2, done.stderr
    assert ("needs certificates" if lacks == "all" else "certificates that Dask's settings name") in done.stderr
