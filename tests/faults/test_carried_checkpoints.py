"""Long sound whose machine dies: its checkpoint has gone to the library, and another machine goes on from there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pillion import Library
from pillion.failpoints import DIRECTORY_VARIABLE, RULES_VARIABLE
from pillion.kinds import checkpoint
from pillion.kinds.execute import WRITES
from pillion.kinds.transcript import transcribe
from pillion.queue import work
from pillion.remote.protocol import PROTOCOL
from tests.support import dask, hearing, program
from tests.support.serving import Answer, Served, is_problem, serving
from tests.support.waiting import wait_until

SHORT_SESSIONS = "from pillion.remote import desk; desk.SESSION_S = 15.0"
"""Three times as long as between two signs of life: on a busy machine one comes late."""


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return hearing.write_sound(tmp_path / "sounds" / "long.wav", seed=7)


@pytest.fixture
def root(tmp_path: Path, sound: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(hearing.LOG, str(tmp_path))
    monkeypatch.setenv(WRITES, str(tmp_path / "heard"))
    monkeypatch.setattr(work, "TARGET", hearing.TARGET)
    (tmp_path / "heard").touch()
    with Library.open(tmp_path / "library", policy="desktop") as library:
        library.index(sound.parent, kinds=["transcript"])
    return tmp_path / "library"


@pytest.fixture
def token(root: Path, tmp_path: Path) -> Path:
    (tmp_path / "gpu.token").write_text(
        program.run_json("token", "create", "gpu", "--scope", "work", "--library", root)["token"]
    )
    return tmp_path / "gpu.token"


@pytest.fixture
def served(root: Path) -> Iterator[Served]:
    with serving(root, "--no-work", "--no-watch") as server:
        yield server


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short windows in this process, too, and what they say."""
    hearing.hear_in_this_process(monkeypatch)


@pytest.fixture
def whole(sound: Path, short: None) -> str:
    """The text of a run that nobody interrupts."""
    return transcribe.transcribe(sound, model="base", language=None).to_json()


def _sums(text: str) -> list[int]:
    return [int(line.rstrip(".")) for line in json.loads(text)["text"].splitlines()]


def _transcripts(root: Path) -> list[Path]:
    return list((root / "sidecars").rglob("transcript/default.json"))


def _made(root: Path) -> str:
    (path,) = _transcripts(root)
    return path.read_text()


def _kept(root: Path) -> list[Path]:
    return list((root / "staging" / "checkpoints").glob("*.json"))


def _hanging(tmp_path: Path) -> dict[str, str]:
    """The environment of a worker that stays where its second window is kept."""
    (tmp_path / "points").mkdir()
    return {DIRECTORY_VARIABLE: str(tmp_path / "points"), RULES_VARIABLE: "transcribe.kept=hang@2"}


def _stays(tmp_path: Path) -> bool:
    """Whether it does; one that is killed before leaves the point to the next."""
    point = tmp_path / "points" / "transcribe.kept"
    return point.exists() and point.stat().st_size >= 2


def _kill(program: subprocess.Popen[Any]) -> None:
    children = psutil.Process(program.pid).children(recursive=True)
    program.kill()
    for child in children:
        child.kill()
    assert program.wait(60) == -signal.SIGKILL


@pytest.mark.slow
def test_a_worker_without_a_mount_dies_and_another_goes_on(whole: str, root: Path, token: Path, tmp_path: Path) -> None:
    with serving(root, "--no-work", "--no-watch", changes=SHORT_SESSIONS) as served:
        command = [sys.executable, "-m", hearing.MODULE, f"http://127.0.0.1:{served.port}", str(token)]
        first = subprocess.Popen(command, env={**os.environ, **_hanging(tmp_path)})
        try:
            wait_until(lambda: bool(_kept(root)), "a checkpoint came", patience_s=120)
        finally:
            _kill(first)
        before, windows = hearing.heard(tmp_path), _sums(whole)
        assert before == windows[: len(before)]
        # Its session is over when it was not heard of for as long as one lasts; until then there is nothing to lend.
        second = subprocess.Popen(command)
        try:
            # The file is in its place before the catalog says so, and what was kept goes after that.
            wait_until(lambda: bool(_transcripts(root)) and not _kept(root), "another made it", patience_s=200)
            second.send_signal(signal.SIGTERM)
            second.wait(100)
        finally:
            second.kill()
            second.wait(60)
    assert _made(root) == whole
    # One or both of the windows that the first one kept had come; none of these was heard again.
    assert hearing.heard(tmp_path)[len(before) :] in (windows[1:], windows[2:])
    with Library.open(root) as library:
        assert library.maintenance.verify() == []


def _at_work(cluster: dask.Cluster) -> subprocess.Popen[bytes]:
    (found,) = (worker for worker in cluster.workers if psutil.Process(worker.pid).children())
    return found


@pytest.mark.slow
def test_a_dask_worker_dies_and_another_goes_on(whole: str, root: Path, tmp_path: Path) -> None:
    windows, env = _sums(whole), _hanging(tmp_path)
    with dask.running(tmp_path / "dask") as cluster:
        for _ in range(2):
            cluster.add_worker(preload=hearing.MODULE, env=env)
        command = [*program.COMMAND, "work", "--library", str(root), "--dask", cluster.address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as working:
            wait_until(lambda: bool(_kept(root)) and _stays(tmp_path), "a checkpoint came, and the worker stays")
            # The other is idle: Dask would have it begin at once, from where the first one began.
            cluster.kill(_at_work(cluster))
            before = hearing.heard(tmp_path)
            said = working.communicate(timeout=200)[0]
    assert (working.returncode, before) == (0, windows[:2]), said
    assert _made(root) == whole
    assert hearing.heard(tmp_path)[len(before) :] in (windows[1:], windows[2:])
    assert not _kept(root)
    with Library.open(root) as library:
        assert library.maintenance.verify() == []


# what a worker may leave ----------------------------------------------------------------------------------------------


class Client:
    """A worker that speaks as a test wants."""

    def __init__(self, served: Served, token: Path) -> None:
        self._served = served
        self._token = token
        self._session = ""

    def ask(self, method: str, path: str, value: object = None, **more: Any) -> Answer:
        """One request of its session."""
        headers = {"authorization": f"Bearer {self._token.read_text()}"}
        return self._served.ask(f"workers{self._session}{path}", method, json_body=value, **headers, **more)

    def begin(self) -> None:
        """Begin a session."""
        self._session = f"/{self.ask('POST', '', {'kinds': [], 'protocol': PROTOCOL}).json['session']}"

    def claim(self) -> list[dict[str, Any]]:
        """Claim a job."""
        return list(self.ask("POST", "/claim", {"limit": 1}).json["jobs"])

    def leave(self, job: dict[str, Any], data: bytes, claim: str = "") -> Answer:
        """Send a checkpoint."""
        return self.ask("PUT", f"/jobs/{job['job']}/checkpoint?claim={claim or job['claim']}", body=data)


@pytest.fixture
def client(served: Served, token: Path) -> Client:
    made = Client(served, token)
    made.begin()
    return made


def test_a_checkpoint_is_for_who_has_the_job(root: Path, client: Client) -> None:
    (job,) = client.claim()
    assert job["checkpoint"] is None
    assert is_problem(client.ask("GET", f"/jobs/{job['job']}/checkpoint?claim={job['claim']}"), 404)
    assert is_problem(client.leave(job, b"x", claim="0" * 32), 410)
    assert is_problem(client.leave({**job, "job": job["job"] + 1}, b"x"), 410)
    assert not _kept(root)
    assert client.leave(job, b"first").status == 204
    assert client.leave(job, b"second").status == 204
    client.ask("POST", "/release", {"jobs": [job["job"]]})
    (again,) = client.claim()
    assert again["checkpoint"]["size"] == len(b"second")
    found = client.ask("GET", f"/jobs/{again['job']}/checkpoint?claim={again['claim']}")
    assert (found.status, found.body) == (200, b"second")
    assert is_problem(client.leave(job, b"of the claim before"), 410)
    assert _kept(root)[0].read_bytes() == b"second"


def test_a_huge_checkpoint_is_refused_before_it_comes(root: Path, client: Client) -> None:
    (job,) = client.claim()
    place = f"/jobs/{job['job']}/checkpoint?claim={job['claim']}"
    answer = client.ask("PUT", place, body=b"x", content_length=str((32 << 20) + 1), expect="100-continue")
    assert is_problem(answer, 413)
    assert not _kept(root)


def _state(**changes: object) -> dict[str, Any]:
    segment = {"text": "1.", "start": 0.0, "end": 1.0, "words": [], "language": None}
    part = {
        "forced": None,
        "track": 1,
        "language": "en",
        "language_probability": 1.0,
        "samples": 160_000,
        "seconds": 10.0,
        "segments": [segment],
        "dropped": [],
    }
    return {"parts": [{**part, **changes}]}


LEFT: dict[str, Any] = {
    "no JSON": b"nothing",
    "nested deeply": b"[" * 200_000,
    "no state": b'{"version": 1, "checksum": "", "state": "{}"}',
    "another track": _state(track=9),
    "a negative place": _state(samples=-5),
    "no number": _state(seconds=float("nan")),
    "no text": _state(segments=[{"text": 5}]),
    "segments that are none": _state(segments="abc"),
    "parts that are none": {"parts": 5},
    "a state that is none": [],
}


@pytest.mark.parametrize("left", LEFT)
def test_what_is_no_checkpoint_counts_as_none(left: str, whole: str, sound: Path, tmp_path: Path, short: None) -> None:
    """It fails nobody's job: whoever makes it begins anew."""
    value, path = LEFT[left], tmp_path / "left.json"
    if isinstance(value, bytes):
        path.write_bytes(value)
    else:
        checkpoint.save(path, value)
    assert transcribe.transcribe(sound, model="base", language=None, checkpoint=path).to_json() == whole


def test_nobody_goes_on_from_what_a_liar_has_left(root: Path, client: Client) -> None:
    (job,) = client.claim()
    assert client.leave(job, b"a state").status == 204
    made = {"variant": "default", "format": "json", "size": 1, "checksum": "0" * 64, "recipe": "another"}
    result = {"job": job["job"], "claim": job["claim"], "seconds": 0.1, "made": [made]}
    assert is_problem(client.ask("POST", "/results", {"results": [result]}), 422)
    assert not _kept(root)
