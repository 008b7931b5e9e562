"""The HTTP API, asked over the network as another program does: items, sidecars, originals, search, and who may ask."""

from __future__ import annotations

import os
import select
import shutil
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import jsonschema
import pytest

from pillion import Library
from pillion.errors import UsageError
from pillion.library.sidecars import Ready
from pillion.server import serve
from tests.support import media, photos
from tests.support.program import run, run_json
from tests.support.serving import API, Served, is_problem, serving

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><script>alert(1)</script></svg>'
PHOTOS = 5


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``files/`` with photographs of known times, a page and an SVG; ``library`` with their thumbnails and the text."""
    home = tmp_path_factory.mktemp("served")
    below = home / "files" / "papers"
    below.mkdir(parents=True)
    for number in range(PHOTOS):
        path = below.parent / f"p{number}.jpg"
        photos.photo(number, (640, 480)).save(path)  # without a capture date
        os.utime(path, (1_700_000_000 + number * 86400 * 20,) * 2)
    media.write_pdf(below / "letter.pdf", [media.PAGE_TEXT])
    (below / "drawing.svg").write_bytes(SVG)
    for name in ("letter.pdf", "drawing.svg"):
        os.utime(below / name, (1_600_000_000,) * 2)
    with Library.open(home / "library", policy="mobile") as library:
        library.index(home / "files")
        library.run()
        (uuid,) = library.find(str(below / "letter.pdf"))
        library.sidecars.get_or_enqueue(uuid, "ocr", "default")
        library.run()
    return home


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    with serving(home / "library", "--no-watch") as server:
        yield server


def uuid_of(served: Served, name: str) -> str:
    (found,) = [item["content_uuid"] for item in served.get("items")["items"] if item["name"] == name]
    return str(found)


# items ----------------------------------------------------------------------------------------------------------------


def test_items_come_by_date_a_page_at_a_time_in_both_orders(served: Served) -> None:
    whole = served.get("items?limit=&cursor=")
    names = [item["name"] for item in whole["items"]]
    assert whole["next"] is None
    assert names[:PHOTOS] == [f"p{number}.jpg" for number in reversed(range(PHOTOS))]
    assert set(names[PHOTOS:]) == {"letter.pdf", "drawing.svg"}
    assert whole["items"][0]["date"] == "2024-02-02T22:13:20.000Z"
    for order in ("desc", "asc"):
        found: list[str] = []
        cursor = ""
        while cursor is not None:
            page = served.get(f"items?limit=2&order={order}&cursor={cursor}")
            assert len(page["items"]) <= 2
            found += [item["name"] for item in page["items"]]
            cursor = page["next"]
        assert found == (names if order == "desc" else names[::-1])


def test_an_item_has_its_thumbhash_and_thumbnails_with_checksums_that_answer(served: Served) -> None:
    item = served.get("items?limit=1")["items"][0]
    assert item["thumbhash"]
    assert item["class"] == "image"
    assert item["bytes"] > 1000
    assert set(item["thumbs"]) == {"icon", "grid@2x"}
    for variant, checksum in item["thumbs"].items():
        answer = served.ask(f"sidecars/{item['content_uuid']}/thumb/{variant}?sum={checksum}")
        assert answer.status == 200
        too_long = f"sidecars/{item['content_uuid']}/thumb/{variant}?sum={'0' * 129}"
        assert is_problem(served.ask(too_long), 422)
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("type=application/pdf", {"letter.pdf"}),
        ("type=image", {"drawing.svg", *(f"p{number}.jpg" for number in range(PHOTOS))}),
        ("type=pdf,image/svg%2Bxml", {"letter.pdf", "drawing.svg"}),
        ("folder=1/papers", {"letter.pdf", "drawing.svg"}),
        ("folder=1/paper", set()),
        ("folder=1&type=pdf", {"letter.pdf"}),
        ("state=ready&type=pdf", {"letter.pdf"}),
        ("state=failed", set()),
        ("from=2023-12-01&to=2024-01-01", {"p1.jpg", "p2.jpg"}),
    ],
)
def test_items_are_chosen_by_type_folder_state_and_date(served: Served, choice: str, names: set[str]) -> None:
    assert {item["name"] for item in served.get(f"items?{choice}")["items"]} == names
    assert served.get(f"timeline?{choice}")["items"] == len(names)


def test_months_count_items_and_lead_to_their_first(served: Served) -> None:
    found = served.get("timeline")
    assert [(month["month"], month["items"]) for month in found["months"]] == [
        ("2024-02", 1),
        ("2024-01", 1),
        ("2023-12", 2),
        ("2023-11", 1),
        ("2020-09", 2),
    ]
    assert found["items"] == PHOTOS + 2
    december = served.get(f"items?limit=1&cursor={found['months'][2]['cursor']}")
    assert december["items"][0]["name"] == "p2.jpg"
    second = served.get(f"items?limit=1&offset=1&cursor={found['months'][2]['cursor']}")
    assert second["items"][0]["name"] == "p1.jpg"


@pytest.mark.parametrize("choice", ["", "&type=image", "&folder=1/papers", "&from=2023-12-01"])
def test_an_item_leads_to_those_beside_it_and_to_its_place(served: Served, choice: str) -> None:
    items = served.get(f"items?limit=100{choice}")["items"]
    for index, item in enumerate(items):
        names = [
            [
                found["name"]
                for found in served.get(f"items?limit=1&order={order}&cursor={item['cursor']}{choice}")["items"]
            ]
            for order in ("asc", "desc")
        ]
        assert names == [
            [one["name"] for one in items[index - 1 : index]],
            [one["name"] for one in items[index + 1 :][:1]],
        ]
        assert served.get(f"timeline?cursor={item['cursor']}{choice}")["place"] == index
    assert "place" not in served.get("timeline")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("duplicates?near=", "near"),
        ("items?offset=", "offset"),
        ("items?limit=007", "limit"),
        ("items?limit=%2B5", "limit"),
        ("items?limit=5&limit=6", "limit"),
        ("items?type=image&type=pdf", "type"),
        ("items?type=picture", "type"),
        ("timeline?type=image,picture", "type"),
        ("inventory/branches?prefixes=8,", "prefixes"),
        ("search?q=", "q"),
        ("folders?folder=", "folder"),
        ("items?typ=image", "typ"),
        ("locations?limit=5", "limit"),
    ],
)
def test_a_parameter_is_taken_only_as_the_document_has_it(served: Served, query: str, parameter: str) -> None:
    answer = served.ask(query)
    assert is_problem(answer, 422)
    assert answer.json["parameter"] == parameter


def test_who_asks_wrongly_is_told_what_can_be_asked(served: Served) -> None:
    assert "/api/v1/openapi.json" in served.ask("").json["detail"]
    assert "image, pdf" in served.ask("items?type=picture").json["detail"]
    assert served.ask("items/42").json["detail"] == "'content_uuid': it is no UUID."


def test_one_item_has_its_files_sidecars_text_and_blocks(served: Served, home: Path) -> None:
    uuid = uuid_of(served, "letter.pdf")
    item = served.get(f"items/{uuid}")
    assert [file["path"] for file in item["files"]] == [str(home / "files/papers/letter.pdf")]
    assert media.PAGE_TEXT.split()[0] in item["text"]
    assert item["blocks"][0]["lines"]
    states = {(sidecar["kind"], sidecar["variant"]): sidecar for sidecar in item["sidecars"]}
    assert states["ocr", "default"]["state"] == "ready"
    assert served.ask(states["ocr", "default"]["url"]).json["text"] == item["text"]
    short = served.get(f"items/{uuid}?include=blocks")
    assert "text" not in short
    assert "blocks" in short


def test_locations_and_folders_are_listed(served: Served, home: Path) -> None:
    (location,) = served.get("locations")["locations"]
    assert location["path"] == str(home / "files")
    (folder,) = served.get(f"folders?folder={location['id']}")["folders"]
    assert (folder["folder"], folder["name"], folder["files"]) == ("1/papers", "papers", 2)


def test_what_is_found_comes_with_its_passages_and_item(served: Served) -> None:
    word = max(media.PAGE_TEXT.split(), key=len).strip(".,")
    found = served.get(f"search?q={quote(word)}&by=words")
    assert found["hits"][0]["item"]["name"] == "letter.pdf"
    assert found["hits"][0]["passages"][0]["marks"]
    assert served.get("search?q=letter&folder=1/papers")["hits"]
    assert is_problem(served.ask("search?q=letter&folder=1/../../etc"), 422)
    assert is_problem(served.ask("search?q=letter&folder=1/nowhere"), 422)
    similar = served.get(f"items/{uuid_of(served, 'p1.jpg')}/similar")
    assert isinstance(similar["hits"], list)
    assert served.get("duplicates") == {"total": 0, "groups": []}


# sidecars -------------------------------------------------------------------------------------------------------------


def thumbnail(served: Served) -> tuple[str, str]:
    item = served.get("items?limit=1")["items"][0]
    return f"sidecars/{item['content_uuid']}/thumb/grid@2x", item["thumbs"]["grid@2x"]


def test_a_sidecar_has_its_checksum_as_its_tag_and_is_not_sent_again(served: Served) -> None:
    path, checksum = thumbnail(served)
    for _ in range(2):  # from the disk, then from memory
        whole = served.ask(path)
        assert (whole.status, whole.headers["content-type"]) == (200, "image/webp")
        assert whole.headers["etag"] == f'"{checksum}"'
        assert "immutable" not in whole.headers["cache-control"]
        assert whole.headers["x-content-type-options"] == "nosniff"
        same = served.ask(path, if_none_match=f'"other", "{checksum}"')
        assert (same.status, same.body) == (304, b"")
        assert served.ask(path, if_none_match='"other"').status == 200
        head = served.ask(path, "HEAD")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(whole.body)))
    wrong = served.ask(f"{path}?sum={checksum[:-1]}")
    assert wrong.body == whole.body
    assert "immutable" not in wrong.headers["cache-control"]


@pytest.mark.parametrize(
    ("header", "status", "part"),
    [
        ("bytes=0-3", 206, slice(0, 4)),
        ("bytes=4-", 206, slice(4, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=2-999999999", 206, slice(2, None)),
        ("bytes=-999999999", 206, slice(0, None)),
        ("bytes=5-2", 200, slice(0, None)),
        ("bytes=0-1,4-5", 200, slice(0, None)),
        ("lines=0-1", 200, slice(0, None)),
        ("bytes=x-", 200, slice(0, None)),
    ],
)
@pytest.mark.parametrize("what", ["sidecar", "original"])
def test_a_part_can_be_asked_for(served: Served, header: str, status: int, part: slice, what: str) -> None:
    path, _ = thumbnail(served)
    if what == "original":
        path = f"originals/{uuid_of(served, 'p1.jpg')}"
    whole = served.ask(path).body
    answer = served.ask(path, range=header)
    assert (answer.status, answer.body) == (status, whole[part])
    if status == 206:
        start = range(len(whole))[part].start
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(answer.body) - 1}/{len(whole)}"
    beyond = served.ask(path, range=f"bytes={len(whole)}-")
    assert is_problem(beyond, 416)
    assert beyond.headers["content-range"] == f"bytes */{len(whole)}"
    assert served.ask(path, range="bytes=0-3", if_range='"other"').body == whole


def test_a_missing_sidecar_is_made_first_of_all_and_once_for_all_who_wait(served: Served, home: Path) -> None:
    uuid = uuid_of(served, "p3.jpg")
    path = f"sidecars/{uuid}/thumb/detail@1x"
    soon = served.ask(path)
    assert (soon.status, soon.headers["retry-after"], soon.json["state"]) == (202, "1", "pending")
    answers: Counter[tuple[int, bytes]] = Counter()

    def wait() -> None:
        answer = served.ask(f"{path}?wait=60")
        answers[answer.status, answer.body] += 1

    threads = [threading.Thread(target=wait) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((status, body),) = answers
    assert (status, body[:4]) == (200, b"RIFF")
    with Library.open(home / "library") as library:
        made = [
            event
            for event in library.events()
            if event.name == "started" and event.content_uuid == uuid and "detail@1x" in event.variants
        ]
        assert len(made) == 1


def test_a_replaced_or_removed_file_is_not_served_from_memory(served: Served, home: Path) -> None:
    uuid = uuid_of(served, "p4.jpg")
    path = f"sidecars/{uuid}/thumb/icon"
    before = served.ask(path)
    with Library.open(home / "library") as library:
        other = library.sidecars.get_or_enqueue(uuid_of(served, "p0.jpg"), "thumb", "icon")
        assert isinstance(other, Ready)
        data = other.path.read_bytes()
        library.record(uuid, "thumb", "icon", data)
        assert before.body != data
        assert served.ask(path).body == data
        library.sidecars.remove(f"sidecar://{uuid}/thumb/icon")
    again = served.ask(f"{path}?wait=60")
    assert (again.status, again.body) == (200, before.body)


def test_a_damaged_file_is_not_served(served: Served, home: Path) -> None:
    uuid = uuid_of(served, "p0.jpg")
    with Library.open(home / "library") as library:
        there = library.resolve(f"sidecar://{uuid}/thumb/grid@2x", "local_only")
        assert isinstance(there, Ready)
        data = there.path.read_bytes()
        shutil.copy(there.path, home / "kept")
        try:
            there.path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
            assert is_problem(served.ask(f"sidecars/{uuid}/thumb/grid@2x"), 409)
        finally:
            os.replace(home / "kept", there.path)
    assert served.ask(f"sidecars/{uuid}/thumb/grid@2x").body == data


@pytest.mark.parametrize(
    "path",
    [
        "sidecars/8b950a1f-0000-8771-9887-d3dd49fa879c/thumb/icon",
        "items/8b950a1f-0000-8771-9887-d3dd49fa879c",
        "originals/8b950a1f-0000-8771-9887-d3dd49fa879c",
        "nothing",
        "/nothing",
        "/etc/passwd",
        "sidecars/..%2f..%2fetc/thumb/icon",
    ],
)
def test_what_is_not_there_is_a_problem(served: Served, path: str) -> None:
    assert is_problem(served.ask(path), 404)


def test_what_can_never_be_there_is_a_problem(served: Served) -> None:
    uuid = uuid_of(served, "p1.jpg")
    assert is_problem(served.ask(f"sidecars/{uuid}/thumb/huge"), 404)
    assert is_problem(served.ask(f"sidecars/{uuid}/nothing/default"), 404)
    assert is_problem(served.ask(f"sidecars/{uuid}/transcript/default?wait=5"), 404)


@pytest.mark.parametrize(
    "path",
    [
        "items?limit=0",
        "items?limit=1001",
        "items?limit=ten",
        "items?limit=1_0",
        "items?cursor=nonsense",
        "items?order=up",
        "items?state=lost",
        "items?from=yesterday",
        "items?folder=x",
        "items?folder=1/%2e%2e/x",
        "search",
        "search?q=",
        "items/not-a-uuid",
        "sidecars/not-a-uuid/thumb/icon",
        "plan?kind=" + "thumb," * 50,
    ],
)
def test_what_is_wrong_is_named(served: Served, path: str) -> None:
    answer = served.ask(path)
    assert is_problem(answer, 422)
    assert answer.json["parameter"] in path + " q content_uuid"


def test_other_methods_are_refused_with_those_that_are_possible(served: Served) -> None:
    answer = served.ask("items", "POST", json_body={})
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD"


# originals ------------------------------------------------------------------------------------------------------------


def test_an_original_is_the_users_file(served: Served, home: Path) -> None:
    answer = served.ask(f"originals/{uuid_of(served, 'p1.jpg')}")
    assert answer.body == (home / "files/p1.jpg").read_bytes()
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"].startswith("inline")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_what_could_run_is_for_saving(served: Served) -> None:
    answer = served.ask(f"originals/{uuid_of(served, 'drawing.svg')}")
    assert answer.body == SVG
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_file_that_changed_or_became_a_link_is_not_sent(served: Served, home: Path, tmp_path: Path) -> None:
    uuid, path = uuid_of(served, "p2.jpg"), home / "files/p2.jpg"
    found = path.stat()
    secret = tmp_path / "secret"
    secret.write_bytes(path.read_bytes())
    os.utime(secret, ns=(found.st_atime_ns, found.st_mtime_ns))
    path.rename(tmp_path / "aside")
    path.symlink_to(secret)
    assert is_problem(served.ask(f"originals/{uuid}"), 404)
    path.unlink()
    (tmp_path / "aside").rename(path)
    assert served.ask(f"originals/{uuid}").status == 200
    os.utime(path)
    assert is_problem(served.ask(f"originals/{uuid}"), 404)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


# who may ask ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8640", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_another_name_of_the_server_is_refused(served: Served, host: str) -> None:
    assert is_problem(served.ask("items", host=host), 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8640", "127.0.0.1:1", "[::1]:8640"])
def test_names_of_this_machine_are_taken(served: Served, host: str) -> None:
    assert served.ask("items", host=host).status == 200


def test_pages_of_other_sites_may_neither_read_nor_change(served: Served) -> None:
    body = {"content_uuid": uuid_of(served, "p1.jpg"), "kind": "thumb", "variant": "icon"}
    own = f"127.0.0.1:{served.port}"
    assert served.ask("sign", "POST", json_body=body).status == 201
    assert served.ask("sign", "POST", json_body=body, host=own, origin=f"http://{own}").status == 201
    for origin in ("http://evil.example", "null", f"https://{own}", "http://127.0.0.1:1"):
        assert is_problem(served.ask("sign", "POST", json_body=body, host=own, origin=origin), 403)
    assert is_problem(served.ask("sign", "POST", json_body=body, sec_fetch_site="same-site"), 403)
    assert is_problem(served.ask("items", sec_fetch_site="cross-site", sec_fetch_mode="no-cors"), 403)
    assert is_problem(served.ask("sign", "POST", body=b"{}", content_type="text/plain"), 415)


def test_a_body_that_is_no_request_is_a_problem(served: Served) -> None:
    for body in (b"{", b"[]", b"\xff", b"[" * 100_000):
        assert is_problem(served.ask("sign", "POST", body=body, content_type="application/json"), 422)
    assert is_problem(served.ask("sign", "POST", json_body={"kind": "thumb"}), 422)
    assert is_problem(served.ask("sign", "POST", json_body={"more": 1}), 422)
    for size in (1024 * 1024 + 1, 8 * 1024 * 1024):
        assert is_problem(served.ask("sign", "POST", body=b" " * size, content_type="application/json"), 413)


ENDLESS = {
    "address": ("GET /", "x"),
    "header": ("GET / HTTP/1.1\r\nHost: localhost\r\nX: ", "x"),
    "headers": ("GET / HTTP/1.1\r\nHost: localhost\r\n", "X: y\r\n"),
    "trailer": ("POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: ", "x"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_has_no_end_and_is_no_body_is_not_kept(served: Served, what: str) -> None:
    begun, more = (text.encode() for text in ENDLESS[what])
    ends = pytest.raises((ConnectionResetError, BrokenPipeError))
    with socket.create_connection((served.host, served.port), 30) as client, ends:
        client.sendall(begun + more * (60_000_000 // len(more)))
    assert served.ask("/api/v1/status").status == 200


def test_a_signed_address_opens_one_sidecar_until_it_expires(home: Path) -> None:
    token = run_json("token", "create", "signer", "--library", home / "library")["token"]
    with serving(home / "library", "--no-work", "--require-token") as server:
        bearer = {"authorization": f"Bearer {token}"}
        item = server.get("items?limit=1", **bearer)["items"][0]
        key = {"content_uuid": item["content_uuid"], "kind": "thumb", "variant": "icon"}
        url = server.ask("sign", "POST", json_body=key, **bearer).json["url"]
        assert server.ask(url).body[:4] == b"RIFF"
        assert is_problem(server.ask(url.replace("/icon", "/grid@2x")), 401)
        assert is_problem(server.ask(url.replace("expires=", "expires=9")), 401)
        assert is_problem(server.ask(url[:-1] + ("0" if url[-1] != "0" else "1")), 401)
        assert is_problem(server.ask(url.partition("?")[0]), 401)
        (home / "library" / "signing.key").unlink()
        assert is_problem(server.ask(url), 401)
    run("token", "revoke", "signer", "--library", home / "library")


def test_with_tokens_nothing_is_told_without_one(home: Path) -> None:
    library = home / "library"
    with serving(library, "--no-work", "--require-token") as server:
        (shown,) = [line for line in server.said if "pillion_" in line]
        token = shown.rpartition(" ")[2]
        kept = (library / "tokens.json").read_text()
        assert token not in kept
        assert (library / "tokens.json").stat().st_mode & 0o077 == 0
        for path in ("items", "search?q=x", "nothing", "/metrics", f"originals/{'0' * 8}", "items?limit=x"):
            answer = server.ask(path)
            assert is_problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert server.get("health") == {"status": "ok", "version": server.get("health")["version"]}
        assert server.get("items", authorization=f"Bearer {token}")["items"]
        assert server.get("items", cookie=f"a=b; pillion_token={token}")["items"]
        assert is_problem(server.ask("items", authorization=f"Basic {token}"), 401)
        assert run("token", "revoke", "first", "--library", library).returncode == 0
        statuses = [server.ask("items", authorization=f"Bearer {token}").status for _ in range(40)]
        assert statuses[0] == 401
        assert statuses[-1] == 429


def test_another_address_needs_a_token_and_is_called_by_its_own_names(home: Path) -> None:
    with serving(home / "library", "--no-work", "--host", "0.0.0.0", "--allow-host", "photos.example") as server:
        token = next(line for line in server.said if "pillion_" in line).rpartition(" ")[2]
        bearer = {"authorization": f"Bearer {token}"}
        assert is_problem(server.ask("items"), 401)
        for host in ("photos.example", "192.168.1.7:8640", socket.gethostname()):
            assert server.ask("items", host=host, **bearer).status == 200
        assert is_problem(server.ask("items", host="evil.example", **bearer), 403)
    run("token", "revoke", "first", "--library", home / "library")


def test_a_read_only_server_changes_and_makes_nothing(home: Path) -> None:
    with serving(home / "library", "--read-only") as server:
        uuid = uuid_of(server, "p1.jpg")
        assert server.get("health")["workers"] == {"state": "off"}
        missing = server.ask(f"sidecars/{uuid}/thumb/detail@2x?wait=1")
        assert is_problem(missing, 404)
        assert missing.json["state"] == "missing"


# beginning and end ----------------------------------------------------------------------------------------------------


def test_the_server_ends_at_once_with_its_workers(home: Path) -> None:
    with serving(home / "library") as server:
        workers = server.get("health")["workers"]
        assert workers["state"] == "running"
        assert server.stop() == 0
        with pytest.raises(ProcessLookupError):
            os.kill(workers["pid"], 0)


def test_a_killed_server_takes_its_workers_with_it(home: Path) -> None:
    with serving(home / "library") as server:
        pid = server.get("health")["workers"]["pid"]
        descriptor = os.pidfd_open(pid)
        server.process.kill()
        server.process.wait()
    with open(descriptor, closefd=True) as ended:
        assert select.select([ended], [], [], 60)[0]


def test_workers_that_die_are_begun_again(home: Path) -> None:
    with serving(home / "library") as server:
        first = server.get("health")["workers"]["pid"]
        os.kill(first, 9)
        while (workers := server.get("health")["workers"]).get("pid") in (None, first):
            assert workers["state"] in ("running", "failing")
        assert workers["restarts"] == 1
        answer = server.ask(f"sidecars/{uuid_of(server, 'p1.jpg')}/thumb/detail@2x?wait=60")
        assert answer.status == 200


def test_what_keeps_it_from_serving_is_one_sentence(home: Path, tmp_path: Path) -> None:
    library = ("--library", home / "library")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", *library, "--port", str(port))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"Port {port} of 127.0.0.1 is taken" in done.stderr
    wrong = tmp_path / "cert.pem"
    wrong.write_text("no certificate")
    for options in (("--tls-cert", wrong, "--tls-key", wrong), ("--tls-cert", wrong), ("--host", "no.such.invalid")):
        done = run("serve", *library, "--port", "0", *options)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    done = run("serve", "--library", tmp_path / "none")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


# the document ---------------------------------------------------------------------------------------------------------


def test_the_document_is_openapi_and_its_examples_are_what_it_says(served: Served) -> None:
    document = served.get("openapi.json")
    assert document["openapi"].startswith("3.1")
    for path in (
        *("/openapi.json", "/health", "/items", "/items/{content_uuid}", "/originals/{content_uuid}", "/search"),
        "/sidecars/{content_uuid}/{kind}/{variant}",
    ):
        assert API + path in document["paths"]
    assert {"post", "delete"} == set(document["paths"][API + "/session"])
    used = {tag for path in document["paths"].values() for operation in path.values() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"]}
    examples = 0
    for path in document["paths"].values():
        for operation in path.values():
            bodies = [operation["requestBody"]] if "requestBody" in operation else []
            for described in [*operation["responses"].values(), *bodies]:
                for content in described.get("content", {}).values():
                    if "example" in content:
                        examples += 1
                        jsonschema.validate(content["example"], content["schema"])
    assert examples >= 8
    for operation, path in (("/items", "items"), ("/timeline", "timeline"), ("/search", "search?q=letter")):
        schema = document["paths"][API + operation]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(served.get(path), schema)
    whole = document["paths"][API + "/items/{content_uuid}"]["get"]["responses"]["200"]["content"]
    jsonschema.validate(served.get(f"items/{uuid_of(served, 'letter.pdf')}"), whole["application/json"]["schema"])


def test_an_empty_parameter_is_as_one_that_is_left_out_and_the_document_says_so(served: Served) -> None:
    paths = served.get("openapi.json")["paths"]
    for name, path, empty in (("failures", "/failures", "error_class"), ("items", "/items", "type")):
        (described,) = (one for one in paths[API + path]["get"]["parameters"] if one["name"] == empty)
        schema = described["schema"]
        jsonschema.validate([""] if schema["type"] == "array" else "", schema)
        assert served.get(f"{name}?{empty}=") == served.get(name)


def test_an_address_that_nobody_has_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", partial(_raise, socket.gaierror(-2, "Name or service not known")))
    with pytest.raises(UsageError, match=r"^There is no address 'x.invalid' to serve at: Name or service not known\.$"):
        serve._listen("x.invalid", 0)


def _raise(error: Exception, *_arguments: object, **_options: object) -> None:
    raise error
