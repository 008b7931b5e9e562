"""Work without a mount: two processes on loopback, of which either may be killed, and workers that lie."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pillion import ItemError, Library, Ready, _core
from pillion.model import NEVER_SAMPLED, SidecarStatus
from pillion.peers.checking import Check, Checked, Checker
from pillion.remote.protocol import PROTOCOL, Over, Returned
from tests.support import photos
from tests.support.ports import lasting_port
from tests.support.program import COMMAND, run, run_json
from tests.support.serving import Answer, Served, is_problem, serving
from tests.support.waiting import wait_until

FILES = 6
SHORT_SESSIONS = "from pillion.remote import desk; desk.SESSION_S = 8.0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder, root = tmp_path / "photos", tmp_path / "library"
    photos.write_many(folder, FILES)
    (folder / "note.txt").write_text("A note on the harbour of Rostock, and what lies in it.\n" * 5)
    with Library.open(root, policy="mobile") as library:
        library.index(folder)
    return root


@pytest.fixture
def token(root: Path, tmp_path: Path) -> Path:
    return _token(root, tmp_path, "gpu", "work")


def _token(root: Path, tmp_path: Path, name: str, scope: str) -> Path:
    file = tmp_path / f"{name}.token"
    file.write_text(run_json("token", "create", name, "--scope", scope, "--library", root)["token"])
    return file


@pytest.fixture
def served(root: Path) -> Iterator[Served]:
    with serving(root, "--no-work", "--no-watch") as server:
        yield server


def _url(served: Served) -> str:
    return f"http://127.0.0.1:{served.port}"


def _work(served: Served, token: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run("work", "--server", _url(served), "--token-file", token, "--json", *options)


def _start(served: Served, token: Path, *options: str) -> subprocess.Popen[str]:
    command = [*COMMAND, "work", "--server", _url(served), "--token-file", str(token), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)


def _has_begun(served: Served) -> bool:
    return bool(served.get("jobs?state=running")["jobs"] or served.get("status")["sidecars"]["thumb"].get("ready"))


def _all_ready(root: Path) -> bool:
    with Library.open(root) as library:
        return {item.state for item in library.ls()} == {SidecarStatus.READY}


@dataclass
class Client:
    """A worker that speaks as a test wants."""

    served: Served
    token: Path
    session: str = ""

    def ask(self, method: str, path: str, value: object = None, **more: Any) -> Answer:
        """One request."""
        headers = {"authorization": f"Bearer {self.token.read_text()}"}
        return self.served.ask(f"workers{path}", method, json_body=value, **headers, **more)

    def begin(self, *kinds: str) -> None:
        """Begin a session."""
        answer = self.ask("POST", "", {"kinds": list(kinds), "protocol": PROTOCOL})
        assert answer.status == 201, answer.body
        self.session = f"/{answer.json['session']}"

    def claim(self, limit: int = 1) -> list[dict[str, Any]]:
        """Claim jobs."""
        return list(self.ask("POST", f"{self.session}/claim", {"limit": limit}).json["jobs"])

    def upload(self, job: dict[str, Any], variant: str, data: bytes) -> Answer:
        """Send bytes."""
        place = f"{self.session}/jobs/{job['job']}/sidecars/{variant}?claim={job['claim']}"
        return self.ask("PUT", place, body=data)

    def tell(self, job: dict[str, Any], made: list[dict[str, Any]], **more: Any) -> Answer:
        """Tell a result."""
        result = {"job": job["job"], "claim": job["claim"], "seconds": 0.1, "made": made, **more}
        return self.ask("POST", f"{self.session}/results", {"results": [result]})


@pytest.fixture
def client(served: Served, token: Path) -> Client:
    return Client(served, token)


@pytest.fixture(scope="module")
def thumbs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Whole thumbnails, though of another picture."""
    folder = tmp_path_factory.mktemp("thumbs")
    photos.write_many(folder / "a", 1)
    (source,) = (folder / "a").iterdir()
    assert run("thumb", source, "-o", folder, "-V", "icon", "-V", "grid@2x").returncode == 0
    return {path.name.split(".")[-2]: path.read_bytes() for path in folder.glob("*.webp")}


def _made(job: dict[str, Any], variant: str, data: bytes, **other: Any) -> dict[str, Any]:
    digest = _core.hash_bytes(data, sample_above=NEVER_SAMPLED).hash
    about = {"variant": variant, "format": "webp", "size": len(data), "checksum": digest}
    return {**about, "recipe": job["recipes"][variant], **other}


# two processes --------------------------------------------------------------------------------------------------------


def test_a_machine_without_a_mount_makes_what_is_wanted(root: Path, served: Served, token: Path) -> None:
    done = _work(served, token)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["made"] == {"thumb": FILES}
    assert _all_ready(root)
    with Library.open(root) as library:
        assert library.maintenance.verify() == []
        assert [path for path in (root / "staging").iterdir() if path.is_file()] == []
        events = [event for event in library.events() if type(event).__name__ == "Ready"]
        assert len(events) == FILES
    assert json.loads(_work(served, token).stdout)["made"] == {}


def test_what_is_made_elsewhere_has_the_bytes_that_are_made_here(
    root: Path, served: Served, token: Path, tmp_path: Path
) -> None:
    assert _work(served, token).returncode == 0
    with Library.open(tmp_path / "here", policy="mobile") as here, Library.open(root) as there:
        here.index(tmp_path / "photos")
        here.run()
        assert {(item.uri, item.checksum, item.recipe) for item in here.ls()} == {
            (item.uri, item.checksum, item.recipe) for item in there.ls()
        }


def test_only_the_kinds_that_are_named_and_texts_for_those_made_from_them(
    root: Path, served: Served, token: Path, tmp_path: Path
) -> None:
    with Library.open(root) as library:
        library.index(tmp_path / "photos", policy="desktop", kinds=["text", "thumb"])
    assert json.loads(_work(served, token, "--kinds", "text").stdout)["made"] == {"text": 1}
    with Library.open(root) as library:
        states = {(item.kind, item.state) for item in library.ls()}
    assert ("text", SidecarStatus.READY) in states
    assert ("thumb", SidecarStatus.READY) not in states


@pytest.mark.models
def test_what_is_made_from_a_text_needs_that_text_alone(
    root: Path, served: Served, token: Path, tmp_path: Path
) -> None:
    """As passages of an image are of its OCR text: the file itself is not fetched for them."""
    with Library.open(root) as library:
        library.index(tmp_path / "photos", policy="desktop", kinds=["text", "embeddings"])
        library.run(kinds=["text"])
    (tmp_path / "photos" / "note.txt").rename(tmp_path / "note.txt")
    done = _work(served, token, "--kinds", "embeddings")
    assert json.loads(done.stdout)["made"] == {"embeddings": 1}, done.stderr
    (tmp_path / "note.txt").rename(tmp_path / "photos" / "note.txt")
    with Library.open(tmp_path / "here", policy="desktop") as here, Library.open(root) as there:
        here.index(tmp_path / "photos", kinds=["text", "embeddings"])
        here.run(kinds=["text", "embeddings"])
        (one,), (other,) = (library.ls(kind="embeddings", statuses=[SidecarStatus.READY]) for library in (here, there))
        assert (one.uri, one.checksum) == (other.uri, other.checksum)


def test_a_bad_file_fails_as_it_would_here(root: Path, served: Served, token: Path, tmp_path: Path) -> None:
    (tmp_path / "photos" / "bad.jpg").write_bytes(next((tmp_path / "photos").glob("*.jpg")).read_bytes()[:300])
    with Library.open(root) as library:
        library.index(tmp_path / "photos")
    assert _work(served, token).returncode == 0
    with Library.open(root) as library:
        failed = [item for item in library.ls() if item.state is not SidecarStatus.READY]
        assert {item.sources[0].rpartition("/")[2] for item in failed} == {"bad.jpg"}


@pytest.mark.slow
def test_a_worker_that_is_killed_leaves_its_jobs_to_others(root: Path, token: Path) -> None:
    """Its session is over when it was not heard of for as long as a lease lasts, which is shorter here."""
    with serving(root, "--no-work", "--no-watch", changes=SHORT_SESSIONS) as served:
        worker = _start(served, token, "--stay")
        wait_until(lambda: _has_begun(served), "a claim")
        worker.kill()
        assert worker.wait(30) == -signal.SIGKILL
        other = _start(served, token, "--stay")
        wait_until(lambda: _all_ready(root), "another made the rest", patience_s=120)
        other.send_signal(signal.SIGTERM)
        other.wait(60)
    with Library.open(root) as library:
        assert library.maintenance.verify() == []
        assert list(library.requests.failures()) == []


def test_a_server_that_is_killed_is_waited_for(root: Path, token: Path) -> None:
    port = lasting_port()
    with serving(root, "--no-work", "--no-watch", "--port", str(port)) as first:
        worker = _start(first, token, "--stay")
        wait_until(lambda: _has_begun(first), "a claim")
        first.process.kill()
        first.process.wait(30)
    with serving(root, "--no-work", "--no-watch", "--port", str(port)):
        wait_until(lambda: _all_ready(root), "it went on", patience_s=120)
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    with Library.open(root) as library:
        assert library.maintenance.verify() == []
        assert list(library.requests.failures()) == []


def test_a_file_with_other_bytes_than_were_indexed_is_not_made(
    root: Path, served: Served, token: Path, tmp_path: Path
) -> None:
    """Its size and time are as they were, so that only the hash shows it."""
    changed = sorted((tmp_path / "photos").glob("*.jpg"))[0]
    before = changed.stat()
    data = bytearray(changed.read_bytes())
    data[-20] ^= 1
    changed.write_bytes(data)
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    worker = _start(served, token, "--stay")
    wait_until(lambda: served.get("status")["sidecars"]["thumb"].get("ready") == 2 * (FILES - 1), "the others", 120)
    worker.send_signal(signal.SIGTERM)
    worker.wait(60)
    with Library.open(root) as library:
        left = {source for item in library.ls() if item.state is not SidecarStatus.READY for source in item.sources}
        assert left == {str(changed)}


# who may ask ----------------------------------------------------------------------------------------------------------


def test_only_tokens_for_work_open_it_and_they_open_nothing_else(
    root: Path, served: Served, token: Path, tmp_path: Path
) -> None:
    body = {"kinds": [], "protocol": PROTOCOL}
    assert is_problem(served.ask("workers", "POST", json_body=body), 401)
    other = Client(served, _token(root, tmp_path, "phone", "all"))
    assert is_problem(other.ask("POST", "", body), 403)
    bearer = {"authorization": f"Bearer {token.read_text()}"}
    assert is_problem(served.ask("status", **bearer), 403)
    assert is_problem(served.ask("retry", "POST", json_body={}, **bearer), 403)
    assert "scope work" in _work(served, other.token).stderr
    assert [row["scope"] for row in _tokens(root)] == ["work", "all"]


def _tokens(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("token", "list", "--library", root, "--json").stdout.splitlines()]


def test_another_version_is_told_so(client: Client) -> None:
    assert is_problem(client.ask("POST", "", {"kinds": [], "protocol": "0/0"}), 409)


def test_a_session_answers_to_its_own_token_alone(root: Path, client: Client, served: Served, tmp_path: Path) -> None:
    client.begin("thumb")
    (job,) = client.claim()
    other = Client(served, _token(root, tmp_path, "other", "work"), client.session)
    assert is_problem(other.ask("POST", f"{client.session}/claim", {"limit": 1}), 410)
    place = f"{client.session}/jobs/{job['job']}/source?claim={job['claim']}"
    assert is_problem(other.ask("GET", place), 410)


# sources --------------------------------------------------------------------------------------------------------------


def test_a_source_comes_in_parts_to_who_has_the_claim(client: Client, tmp_path: Path) -> None:
    client.begin("thumb")
    (job,) = client.claim()
    place = f"{client.session}/jobs/{job['job']}/source?claim="
    whole = client.ask("GET", place + job["claim"])
    assert _core.hash_bytes(whole.body).hash == job["source"]["hash"]
    part = client.ask("GET", place + job["claim"], range="bytes=100-")
    assert (part.status, part.body) == (206, whole.body[100:])
    assert is_problem(client.ask("GET", place + "0" * 32), 410)
    assert is_problem(client.ask("GET", f"{client.session}/jobs/99999/source?claim={job['claim']}"), 410)
    assert is_problem(client.ask("GET", place + job["claim"] + "&kind=text"), 404)


def test_a_file_that_is_gone_is_noted_by_the_server(root: Path, client: Client, tmp_path: Path) -> None:
    client.begin("thumb")
    (job,) = client.claim()
    for path in (tmp_path / "photos").glob("*.jpg"):
        path.unlink()
    place = f"{client.session}/jobs/{job['job']}/source?claim={job['claim']}"
    assert is_problem(client.ask("GET", place), 404)
    assert is_problem(client.ask("GET", place), 410)


# lies -----------------------------------------------------------------------------------------------------------------


def test_the_truth_is_taken(root: Path, client: Client, thumbs: dict[str, bytes]) -> None:
    client.begin("thumb")
    (job,) = client.claim()
    for variant, data in thumbs.items():
        assert client.upload(job, variant, data).status == 204
    answer = client.tell(job, [_made(job, variant, data) for variant, data in thumbs.items()])
    assert answer.json == {"recorded": [job["job"]], "refused": {}}
    with Library.open(root) as library:
        ready = [item for item in library.ls() if item.state is SidecarStatus.READY]
        assert {item.content_uuid for item in ready} == {job["content_uuid"]}
        assert library.maintenance.verify() == []


LIES = ("checksum", "size", "recipe", "variant", "format", "bytes", "nothing")


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused_uncharged_and_who_lied_is_left_out(
    root: Path, client: Client, thumbs: dict[str, bytes], lie: str
) -> None:
    client.begin("thumb")
    (job,) = client.claim()
    made = [_made(job, variant, data) for variant, data in thumbs.items()]
    sent = dict(thumbs)
    if lie == "checksum":
        made[0]["checksum"] = "0" * 64
    elif lie == "size":
        made[0]["size"] += 1
    elif lie == "recipe":
        made[0]["recipe"] = "another"
    elif lie == "variant":
        made[0]["variant"] = "detail@1x"
    elif lie == "format":
        made[0]["format"] = "json"
    elif lie == "bytes":
        sent = dict.fromkeys(sent, b"RIFF, but no picture")
        made = [_made(job, variant, data) for variant, data in sent.items()]
    for variant, data in sent.items() if lie != "nothing" else ():
        assert client.upload(job, variant, data).status == 204
    assert is_problem(client.tell(job, made), 422)
    assert is_problem(client.ask("POST", f"{client.session}/claim", {"limit": 1}), 410)
    assert is_problem(client.ask("POST", "", {"kinds": [], "protocol": PROTOCOL}), 403)
    with Library.open(root) as library:
        assert {item.state for item in library.ls()} == {SidecarStatus.PENDING}
        assert list(library.requests.failures()) == []
        assert library.maintenance.verify() == []
        library.run()
        assert library.maintenance.verify() == []
    assert _all_ready(root)


def test_nobody_tells_of_another_job_or_with_another_claim(client: Client, thumbs: dict[str, bytes]) -> None:
    client.begin("thumb")
    one, other = client.claim(2)
    assert is_problem(client.upload({**one, "claim": "0" * 32}, "icon", thumbs["icon"]), 410)
    assert is_problem(client.upload({**one, "job": 99999}, "icon", thumbs["icon"]), 410)
    assert is_problem(client.upload(one, "detail@1x", thumbs["icon"]), 422)
    swapped = client.tell({**one, "claim": "f" * 32}, [_made(one, name, data) for name, data in thumbs.items()])
    assert list(swapped.json["refused"]) == [str(one["job"])]
    assert other["job"] != one["job"]


@pytest.mark.parametrize("variant", ["..%2f..%2fcatalog.sqlite", "%2e%2e", "icon%00", "icon/../x"])
def test_no_variant_is_a_path(root: Path, client: Client, variant: str) -> None:
    client.begin("thumb")
    (job,) = client.claim()
    before = sorted(path.relative_to(root) for path in root.rglob("*") if "search" not in path.parts)
    assert client.upload(job, variant, b"x").status in (403, 404, 422)
    assert sorted(path.relative_to(root) for path in root.rglob("*") if "search" not in path.parts) == before


def test_what_is_huge_is_refused_before_it_comes(client: Client) -> None:
    client.begin("thumb")
    (job,) = client.claim()
    place = f"{client.session}/jobs/{job['job']}/sidecars/icon?claim={job['claim']}"
    huge = client.served.ask(
        f"workers{place}",
        "PUT",
        body=b"x",
        authorization=f"Bearer {client.token.read_text()}",
        content_length=str(1 << 40),
    )
    assert is_problem(huge, 413)


def test_a_late_result_is_refused_by_the_fence(root: Path, client: Client, thumbs: dict[str, bytes]) -> None:
    client.begin("thumb")
    (job,) = client.claim()
    for variant, data in thumbs.items():
        assert client.upload(job, variant, data).status == 204
    assert run("cancel", "--library", root).returncode == 0
    assert run("retry", "--library", root).returncode == 0
    with Library.open(root) as library:
        library.run()
    before = {path: path.stat().st_ino for path in root.rglob("*.webp")}
    late = client.tell(job, [_made(job, variant, data) for variant, data in thumbs.items()])
    assert list(late.json["refused"]) == [str(job["job"])]
    assert is_problem(client.upload(job, "icon", thumbs["icon"]), 410)
    assert {path: path.stat().st_ino for path in root.rglob("*.webp")} == before


def test_what_was_looked_at_cannot_be_changed_before_it_is_recorded(
    root: Path, thumbs: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Library.open(root) as library:
        desk = library.desk
        session = desk.open("gpu", ["thumb"], PROTOCOL).session
        (job,) = desk.claim("gpu", session, 1, []).jobs
        mine = ("gpu", session, job.job, job.claim)

        def send(variant: str, data: bytes) -> None:
            part, _ = desk.upload(*mine, variant)
            part.write_bytes(data)
            desk.uploaded(*mine, variant, part)

        made = [_made({"recipes": job.recipes}, variant, data) for variant, data in thumbs.items()]
        told = msgspec.convert([{"job": job.job, "claim": job.claim, "seconds": 0.1, "made": made}], list[Returned])
        for variant, data in thumbs.items():
            send(variant, data)
        check = Checker.check

        def check_and_send(self: Checker, checks: Sequence[tuple[Check, int]]) -> Iterator[Checked | ItemError]:
            found = list(check(self, checks))
            with pytest.raises(Over):
                send("icon", b"other bytes")
            assert desk.finish("gpu", session, told).refused == {str(job.job): "It was told already."}
            return iter(found)

        monkeypatch.setattr(Checker, "check", check_and_send)
        assert desk.finish("gpu", session, told).recorded == [job.job]
        icon = library.sidecars.get_or_enqueue(job.content_uuid, "thumb", "icon")
        assert isinstance(icon, Ready)
        assert icon.path.read_bytes() == thumbs["icon"]
        desk.close()
