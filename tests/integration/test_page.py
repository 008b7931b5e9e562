"""The page in a real browser, before a real server: timeline, viewer, search, signing in, and for whom it is."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from pillion import Library
from tests.support import browser as browsers
from tests.support import films, shown
from tests.support.browser import Seen
from tests.support.serving import Served, serving
from tests.support.waiting import wait_until

expect.set_options(timeout=browsers.PATIENCE_MS)

MADE = 100_000
MOST_NODES = 500
MOST_BYTES = 120_000
LOOKS_AGAIN_MS = 13_000
"""After so long the view of the work has looked again, though nothing has happened."""
_HIDES_PREVIEW = """cell => {
  const box = cell.getBoundingClientRect();
  const [above, below] = document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  const same = [above, below].every(image => image.getBoundingClientRect().width === box.width);
  return same && above === cell.lastElementChild && below === cell.firstElementChild;
}"""
_COLOURS_OF_PREVIEW = """async cell => {
  const preview = cell.querySelector('.hash');
  await preview.decode();
  const drawn = new OffscreenCanvas(9, 9).getContext('2d');
  drawn.drawImage(preview, 0, 0);
  return new Set(drawn.getImageData(0, 0, 9, 9).data).size;
}"""
PAGE = Path(__file__).parents[2] / "python" / "pillion" / "server" / "page"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shown.make_library(tmp_path_factory.mktemp("page"), pictures=16)


@pytest.fixture(scope="module")
def served(library: Path) -> Iterator[Served]:
    with serving(library, "--no-work", "--no-watch") as server:
        yield server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


def base_of(served: Served) -> str:
    return f"http://{served.host}:{served.port}"


@pytest.fixture
def seen(chromium: Browser, served: Served) -> Iterator[Seen]:
    with browsers.tab(chromium, base_of(served)) as seen:
        yield seen
        assert seen.wrong == []


def until(page: Page, expression: str) -> None:
    """Wait until an expression holds in the page, whose policy forbids the browser's own way of waiting for one."""
    wait_until(lambda: page.evaluate(expression), expression)


def open_item(page: Page, name: str) -> None:
    page.goto("/")
    page.get_by_role("option", name=re.compile(f"^{re.escape(name)}")).click()
    expect(page.get_by_role("dialog")).to_be_visible()


# what is sent ---------------------------------------------------------------------------------------------------------


def test_the_page_is_small_and_names_nothing_of_others() -> None:
    files = [path for path in PAGE.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    links = {link for path in files for link in re.findall(r"https?://[^\s\"')]+", path.read_text())}
    assert links <= {"http://www.w3.org/2000/svg"}


def test_its_files_have_types_tags_and_a_strict_policy(served: Served) -> None:
    answer = served.ask("/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name in re.findall(r'"(/page/[^"]+)"', answer.body.decode()):
        file = served.ask(name)
        assert (file.status, bool(file.body)) == (200, True), name
        assert served.ask(name, if_none_match=file.headers["etag"]).status == 304
    assert served.ask("/page/other.js").status == 404
    assert served.ask("/page/..%2fpage.py").status == 404


# the timeline ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_hundred_thousand_items_scroll_from_end_to_end(
    chromium: Browser, tmp_path: Path, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shown.make_library(tmp_path, pictures=2)
    shown.add_made(root, MADE)
    with serving(root, "--no-work", "--no-watch") as served, browsers.tab(chromium, base_of(served)) as seen:
        page = seen.page
        page.goto("/")
        # To look for roles takes the browser some 50 ms, in the page's own thread: that comes afterwards.
        page.locator(".cell.known").first.wait_for()
        begun = seen.longest_task_ms()
        found = page.evaluate(browsers.in_page("scrolled"))
        task = seen.longest_task_ms()
        said = f"{found}, longest task {task or 'under 50'} ms, {begun or 'under 50'} ms until the first rows"
        with capsys.disabled():
            sys.stdout.write(f"\ntimeline of {MADE:,}: {said}\n")
        record_property("timeline", said)
        expect(page.get_by_role("option").first).to_have_attribute("aria-setsize", str(MADE + 8))
        assert found["bottom"]
        assert found["nodes"] < MOST_NODES
        assert found["seen"] > found["looks"] * 8
        page.get_by_role("slider", name="Month").focus()
        page.keyboard.press("Home")
        expect(page.get_by_role("slider", name="Month")).to_have_attribute("aria-valuetext", "November 2026")
        page.keyboard.press("PageDown")
        expect(page.get_by_role("slider", name="Month")).not_to_have_attribute("aria-valuetext", "November 2026")
        assert seen.wrong == []


def test_previews_are_there_before_thumbnails_and_thumbnails_follow(seen: Seen) -> None:
    page = seen.page
    held: list[Route] = []
    holding = True
    page.route("**/sidecars/**", lambda route: held.append(route) if holding else route.continue_())
    page.goto("/")
    cell = page.get_by_role("option", name=re.compile("^landscape 001"))
    expect(cell).to_be_visible()
    assert cell.evaluate(_COLOURS_OF_PREVIEW) > 10
    assert "there" not in (cell.get_attribute("class") or "")
    holding = False
    for route in held:
        route.continue_()
    expect(cell).to_have_class(re.compile("there"))
    assert cell.evaluate(_HIDES_PREVIEW)


def test_kinds_choose_what_is_shown(seen: Seen) -> None:
    page = seen.page
    page.goto("/")
    page.get_by_role("link", name="Films").click()
    expect(page.get_by_role("option")).to_have_count(1)
    assert page.url.endswith("?type=video")
    page.go_back()
    expect(page.get_by_role("option", name=re.compile("^letter"))).to_be_visible()


def test_keys_walk_the_timeline_and_open_what_they_are_on(seen: Seen) -> None:
    page = seen.page
    page.goto("/")
    expect(page.locator(".cell.known").nth(2)).to_be_visible()
    page.keyboard.press("ArrowRight")
    first = page.evaluate("document.activeElement.getAttribute('aria-posinset')")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-posinset')") == str(int(first) + 1)
    name = page.evaluate("document.activeElement.getAttribute('aria-label')").split(",")[0]
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog")
    expect(viewer.get_by_role("heading", level=1)).to_have_text(name)
    page.keyboard.press("ArrowRight")
    expect(viewer.get_by_role("heading", level=1)).not_to_have_text(name)
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "option"


@pytest.mark.parametrize("newer", [True, False])
def test_the_keyboard_stays_at_its_item_when_files_come(chromium: Browser, tmp_path: Path, newer: bool) -> None:
    """Whether they stand before it, and move it by their number, or after it."""
    shown.write_landscapes(tmp_path / "files", 12)
    with Library.open(tmp_path / "library") as library:
        library.add_location(tmp_path / "files")
        library.index()
    with (
        serving(tmp_path / "library", "--no-work", "--no-watch") as served,
        browsers.tab(chromium, base_of(served)) as seen,
    ):
        page = seen.page
        page.goto("/")
        expect(page.locator(".cell.known").nth(11)).to_be_visible()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        held = "document.activeElement.getAttribute('aria-label')"
        name, place = page.evaluate(held), int(page.evaluate("document.activeElement.ariaPosInSet"))
        with Library.open(tmp_path / "library") as library:
            shown.write_landscapes(tmp_path / "files", 3, named="late", day=28 if newer else 1)
            library.index()
        expect(page.get_by_role("option").first).to_have_attribute("aria-setsize", "15")
        expect(page.locator(".cell.known:not([hidden])")).to_have_count(15)
        until(page, f"{held} === {name!r}")
        assert page.evaluate("document.activeElement.ariaPosInSet") == str(place + (3 if newer else 0))
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.ariaPosInSet") == str(place + (4 if newer else 1))
        assert seen.wrong == []


@pytest.fixture
def living(chromium: Browser, tmp_path: Path) -> Iterator[tuple[Seen, Path]]:
    """A tab on a library of twelve pictures, and its home; whoever changes ``files`` there has to index them."""
    shown.write_landscapes(tmp_path / "files", 12)
    with Library.open(tmp_path / "library") as library:
        library.add_location(tmp_path / "files")
        library.index()
    with (
        serving(tmp_path / "library", "--no-work", "--no-watch") as served,
        browsers.tab(chromium, base_of(served)) as seen,
    ):
        yield seen, tmp_path
        assert seen.wrong == []


def indexed(home: Path) -> None:
    with Library.open(home / "library") as library:
        library.index()


def shown_names(page: Page) -> list[str]:
    """The names in the timeline, in its order."""
    cells = page.locator(".cell.known:not([hidden])").evaluate_all(
        "cells => cells.map(cell => [+cell.ariaPosInSet, cell.getAttribute('aria-label').split(',')[0]])"
    )
    return [name for _, name in sorted(cells)]


def test_what_is_deleted_leaves_an_open_timeline(living: tuple[Seen, Path]) -> None:
    seen, home = living
    page = seen.page
    page.goto("/")
    expect(page.locator(".cell.known:not([hidden])")).to_have_count(12)
    before = shown_names(page)
    for name in (before[1], before[6]):
        (home / "files" / name).unlink()
    indexed(home)
    expect(page.locator(".cell:not([hidden])")).to_have_count(10)
    wait_until(lambda: shown_names(page) == [*before[:1], *before[2:6], *before[7:]], "the others are shown")


def test_what_is_shown_stays_while_the_server_is_not_reached(living: tuple[Seen, Path]) -> None:
    seen, home = living
    page = seen.page
    page.goto("/")
    expect(page.locator(".cell.known:not([hidden])")).to_have_count(12)
    page.route("**/api/v1/timeline*", lambda route: route.abort())
    with page.expect_event("requestfailed", lambda request: "/timeline" in request.url):
        shown.write_landscapes(home / "files", 1, named="late", day=28)
        indexed(home)
    expect(page.get_by_text("The server is not reached; the page goes on when it is back.")).to_be_visible()
    expect(page.locator("pillion-timeline > .nothing")).to_be_hidden()
    page.get_by_role("option").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_what_is_deleted_while_it_is_open_is_said_and_its_neighbours_stay(living: tuple[Seen, Path]) -> None:
    seen, home = living
    page = seen.page
    page.goto("/")
    expect(page.locator(".cell.known:not([hidden])")).to_have_count(12)
    before = shown_names(page)
    page.get_by_role("option", name=before[5]).click()
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text(before[5])
    (home / "files" / before[5]).unlink()
    (home / "files" / before[6]).unlink()
    shown.write_landscapes(home / "files", 3, named="late", day=28)
    indexed(home)
    expect(page.get_by_text("This file was removed.")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(title).to_have_text(before[7])
    page.keyboard.press("ArrowLeft")
    expect(title).to_have_text(before[4])
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    until(page, f"document.activeElement.getAttribute('aria-label')?.startsWith({before[4]!r})")


def test_previous_and_next_are_known_after_a_reload_and_end_at_the_ends(living: tuple[Seen, Path]) -> None:
    seen, _ = living
    page = seen.page
    page.goto("/")
    expect(page.locator(".cell.known:not([hidden])")).to_have_count(12)
    names = shown_names(page)
    page.get_by_role("option", name=names[1]).click()
    page.reload()
    title = page.get_by_role("heading", level=1)
    following, previous = (page.get_by_role("button", name=name) for name in ("Next", "Previous"))
    previous.click()
    expect(title).to_have_text(names[0])
    expect(following).to_be_visible()
    expect(previous).to_be_hidden()
    following.click()
    expect(title).to_have_text(names[1])
    expect(previous).to_be_visible()


# the viewer -----------------------------------------------------------------------------------------------------------


def test_text_of_a_picture_is_selected_on_it(seen: Seen) -> None:
    page = seen.page
    open_item(page, "letter from Ines.png")
    picture = page.locator("img.photo")
    word = page.locator(".word", has_text="photographs")
    expect(word).to_be_visible()
    expect(picture).to_be_visible()
    box, whole = word.bounding_box(), picture.bounding_box()
    assert box is not None
    assert whole is not None
    (expected,) = [
        w["box"] for line in shown.letter()[1]["pages"][0]["lines"] for w in line["words"] if w["text"] == "photographs"
    ]
    scale = whole["width"] / 1240
    assert abs(box["x"] - whole["x"] - expected[0] * scale) < 4
    assert abs(box["y"] - whole["y"] - expected[1] * scale) < 4
    word.dblclick()
    assert page.evaluate("getSelection().toString().trim()") == "photographs"
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.textlayer'))")
    assert "thank you for the plum jam" in page.evaluate("getSelection().toString()")


def test_a_film_is_sought_by_its_transcript_and_has_subtitles(seen: Seen) -> None:
    page = seen.page
    open_item(page, "lighthouse.webm")
    said = page.get_by_role("button", name=shown.SPOKEN[2][2])
    expect(said).to_be_visible()
    until(page, "document.querySelector('video').readyState >= 1")
    said.click()
    until(page, "Math.abs(document.querySelector('video').currentTime - 5) < 2.2")
    expect(said).to_have_attribute("aria-current", "true")
    until(page, "document.querySelector('video').textTracks[0].cues?.length === 4")
    assert page.evaluate("document.querySelector('video').textTracks[0].mode") == "showing"


def test_facts_files_and_what_was_made_stand_beside_it(seen: Seen) -> None:
    page = seen.page
    open_item(page, "letter from Ines.png")
    side = page.get_by_role("complementary")
    expect(side.get_by_text("image/png")).to_be_visible()
    expect(side.get_by_text(re.compile(r"files/letter from Ines\.png$"))).to_be_visible()
    expect(side.get_by_role("link", name="ocr default")).to_be_visible()


def test_the_way_back_leads_through_what_was_seen(seen: Seen) -> None:
    page = seen.page
    open_item(page, "letter from Ines.png")
    address = page.url
    assert "item=" in address
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.go_forward()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("letter from Ines.png")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("option").first).to_be_visible()


def test_plain_text_is_read_and_never_run(seen: Seen) -> None:
    page = seen.page
    open_item(page, "shopping list.txt")
    expect(page.get_by_text("plums, two kilos")).to_be_visible()


def test_a_film_that_the_browser_cannot_play_is_made_into_one_that_plays(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    films.write_numbered(tmp_path / "files" / "old.avi", films.even(75), sound_s=3.0)
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.add_location(tmp_path / "files")
        library.index()
        library.run(kinds=["thumb"])
    with (
        serving(tmp_path / "library", "--no-watch") as served,
        browsers.tab(chromium, base_of(served)) as seen,
    ):
        page = seen.page
        open_item(page, "old.avi")
        page.get_by_role("button", name="Make one that plays").click()
        until(page, "document.querySelector('video').readyState >= 2")
        expect(page.get_by_text("This browser cannot play the original.")).to_be_hidden()
        plays_the_proxy(page)
        open_item(page, "old.avi")
        until(page, "document.querySelector('video').readyState >= 2")
        plays_the_proxy(page)
        assert seen.wrong == []


def plays_the_proxy(page: Page) -> None:
    """The player has the proxy, of the length of the film, and goes where it is sent, by parts of the file."""
    film = "document.querySelector('video')"
    assert "/proxy/480p" in page.evaluate(f"{film}.currentSrc")
    assert page.evaluate(f"[{film}.videoWidth, {film}.videoHeight]") == [320, 180]
    assert page.evaluate(f"{film}.duration") == pytest.approx(3, abs=0.2)
    page.evaluate(f"void ({film}.currentTime = 2)")
    until(page, f"!{film}.seeking && {film}.currentTime === 2")
    page.evaluate(f"{film}.muted = true, {film}.play().then(() => null)")
    until(page, f"{film}.currentTime > 2.2")


def test_what_is_like_a_picture_is_shown_and_leads_there_and_back(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    whole = shown.scene(3, (900, 600))
    whole.save(tmp_path / "files" / "harbour.jpg", quality=92)
    whole.resize((450, 300)).save(tmp_path / "files" / "harbour small.jpg", quality=70)
    shown.scene(11, (900, 600)).save(tmp_path / "files" / "hills.jpg")
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.add_location(tmp_path / "files")
        library.index()
        library.run(kinds=["thumb"])
    with (
        serving(tmp_path / "library", "--no-work", "--no-watch") as served,
        browsers.tab(chromium, base_of(served)) as seen,
    ):
        page = seen.page
        open_item(page, "harbour.jpg")
        page.get_by_role("button", name="Show what is like it").click()
        like = page.locator(".similar").get_by_role("link")
        expect(like.first).to_have_attribute("aria-label", "harbour small.jpg")
        pictured = "link => link.querySelector('img:not(.hash)')?.naturalWidth > 0"
        wait_until(lambda: like.first.evaluate(pictured), "the thumbnail of what is like it")
        like.first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("harbour small.jpg")
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("harbour.jpg")
        page.get_by_role("button", name="Close").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert seen.wrong == []


def test_a_folder_that_is_offline_is_named_and_what_was_made_of_it_is_shown(chromium: Browser, tmp_path: Path) -> None:
    files = tmp_path / "files"
    shown.write_landscapes(files, 3)
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.add_location(files)
        library.index()
        library.run(kinds=["thumb"])
    with serving(tmp_path / "library", "--no-work") as served, browsers.tab(chromium, base_of(served)) as seen:
        page = seen.page
        page.clock.install()
        page.goto("/?view=work")
        waiting = page.get_by_role("region", name="What holds work back")
        expect(page.get_by_role("region", name="Now").get_by_text("3 files")).to_be_visible()
        files.rename(tmp_path / "unplugged")
        wait_until(lambda: served.get("status")["offline"], "the server knows")
        page.clock.run_for(LOOKS_AGAIN_MS)
        expect(waiting.get_by_text(str(files))).to_be_visible()
        expect(waiting.get_by_text(re.compile("^Offline"))).to_be_visible()
        page.goto("/")
        cell = page.get_by_role("option", name=re.compile("^landscape 002"))
        expect(cell).to_have_class(re.compile("there"))
        cell.click()
        expect(page.get_by_role("complementary").get_by_text("offline", exact=True)).to_be_visible()
        until(page, "document.querySelector('img.photo').naturalWidth > 0")
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Work").click()
        expect(waiting.get_by_text(str(files))).to_be_visible()
        (tmp_path / "unplugged").rename(files)
        wait_until(lambda: not served.get("status")["offline"], "the server knows")
        page.clock.run_for(LOOKS_AGAIN_MS)
        expect(waiting).to_be_hidden()
        assert seen.wrong == []


# search ---------------------------------------------------------------------------------------------------------------


def test_search_as_you_type_marks_hits_on_the_page_and_at_the_second(seen: Seen) -> None:
    page = seen.page
    page.goto("/")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("plum jam", delay=15)
    hit = page.get_by_role("link", name=re.compile("letter from Ines"))
    expect(hit).to_be_visible()
    expect(page.locator(".passage mark").first).to_be_visible()
    assert "q=plum+jam" in page.url
    hit.click()
    word = page.locator(".word.found", has_text="plum")
    expect(word).to_be_visible()
    assert word.evaluate("word => getComputedStyle(word).padding") == "0px"
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).to_have_value("plum jam")
    page.get_by_role("searchbox").fill("lamp twenty miles")
    second = page.get_by_role("link", name=re.compile("Its lamp is seen")).first
    expect(second).to_contain_text("0:05")
    page.locator(".hit", has_text="lighthouse.webm").locator(".passage").first.click()
    until(page, "Math.abs(document.querySelector('video')?.currentTime - 5) < 1.5")


# work -----------------------------------------------------------------------------------------------------------------


def test_a_failure_is_shown_with_its_message_and_tried_again(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    broken = tmp_path / "files" / shown.BROKEN
    broken.write_bytes(shown.CUT_JPEG)
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(tmp_path / "files")
        library.run(kinds=["thumb"])
    with (
        serving(tmp_path / "library", "--no-work", "--no-watch") as served,
        browsers.tab(chromium, base_of(served)) as seen,
    ):
        page = seen.page
        page.goto("/")
        page.get_by_role("link", name="Work").click()
        failures = page.get_by_role("region", name="Failures")
        failures.get_by_text("Damaged files").click()
        expect(failures.get_by_role("link", name=shown.BROKEN)).to_be_visible()
        expect(failures.locator(".why").first).not_to_be_empty()
        failures.get_by_role("button", name="Try all again").click()
        expect(page.get_by_text("They are tried again.")).to_be_visible()
        now = page.get_by_role("region", name="Now")
        expect(now.get_by_text("1 job left")).to_be_visible()
        now.get_by_role("button", name="Pause").click()
        expect(now.get_by_text("Paused: 1 job left")).to_be_visible()
        now.get_by_role("button", name="Go on").click()
        expect(now.get_by_text("1 job left", exact=True)).to_be_visible()
        with Library.open(tmp_path / "library") as library:
            library.run(kinds=["thumb"])
        expect(now.get_by_text("Everything is made.")).to_be_visible()
        expect(failures.get_by_text("Damaged files")).to_be_visible()
        assert page.evaluate(browsers.in_page("nameless")) == []
        assert seen.wrong == []


# who may see it, and how ----------------------------------------------------------------------------------------------


def test_a_token_opens_a_server_that_needs_one(chromium: Browser, library: Path) -> None:
    with (
        serving(library, "--no-work", "--no-watch", "--require-token") as served,
        browsers.tab(chromium, base_of(served)) as seen,
    ):
        token = next(word for line in served.said for word in line.split() if word.startswith("pillion_"))
        page = seen.page
        page.goto("/")
        field = page.get_by_label("Token", exact=True).and_(page.locator("input"))
        field.fill("pillion_wrong")
        page.get_by_role("button", name="Open").click()
        expect(page.locator(".login .said")).to_have_text("This token is not known here, or was revoked.")
        field.fill(token)
        page.get_by_role("button", name="Open").click()
        cell = page.get_by_role("option", name=re.compile("^landscape 001"))
        expect(cell).to_have_class(re.compile("there"))
        (cookie,) = seen.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert page.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})") == "{}"
        page.reload()
        expect(cell).to_be_visible()
        assert seen.wrong == []


def test_an_error_is_one_sentence(seen: Seen) -> None:
    page = seen.page
    page.goto("/?item=00000000-0000-8000-8000-000000000000")
    expect(page.get_by_text("This file is not in the library any more.")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_light_and_dark_by_the_system_and_by_hand(chromium: Browser, served: Served, theme: str) -> None:
    other = "dark" if theme == "light" else "light"
    with browsers.tab(chromium, base_of(served), color_scheme=theme) as seen:
        page = seen.page
        page.goto("/")
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        by_system = page.evaluate(ground)
        contrasts = page.evaluate(browsers.in_page("contrasts"))
        assert min(contrasts.values()) >= 4.5, contrasts
        page.get_by_role("button", name=re.compile("^Colours: as the system")).click()
        expect(page.get_by_role("button", name=f"Colours: {other}")).to_be_visible()
        assert page.evaluate(ground) != by_system
        page.reload()
        assert page.evaluate(ground) != by_system


@pytest.mark.parametrize("view", ["/", "/?q=harbour", "letter from Ines.png", "lighthouse.webm", "shopping list.txt"])
def test_everything_has_a_name_and_a_role(seen: Seen, view: str) -> None:
    page = seen.page
    if view.startswith("/"):
        page.goto(view)
        expect(page.locator(".cell.known, .hit").first).to_be_visible()
    else:
        open_item(page, view)
        expect(page.get_by_role("complementary").get_by_role("heading", name="Facts")).to_be_visible()
    assert page.evaluate(browsers.in_page("nameless")) == []


def test_a_phone_shows_all_of_it(chromium: Browser, served: Served) -> None:
    options: dict[str, Any] = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
    with browsers.tab(chromium, base_of(served), **options) as seen:
        page = seen.page
        page.goto("/")
        expect(page.get_by_role("option").first).to_be_visible()
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) <= 390
        page.get_by_role("option", name=re.compile("^letter")).tap()
        expect(page.locator(".word", has_text="photographs")).to_be_visible()
        assert page.evaluate(wide) <= 390
        expect(page.get_by_role("complementary")).to_be_hidden()
        page.get_by_role("button", name="About this file").tap()
        expect(page.get_by_role("complementary")).to_be_visible()
        page.get_by_role("button", name="Close").tap()
        expect(page.get_by_role("dialog")).to_be_hidden()
        first, second = shown_names(page)[:2]
        page.get_by_role("option", name=re.compile(f"^{re.escape(first)}")).tap()
        title = page.get_by_role("heading", level=1)
        expect(title).to_have_text(first)
        page.evaluate(SWIPE, [300, 100])
        expect(title).to_have_text(second)
        page.evaluate(SWIPE, [100, 300])
        expect(title).to_have_text(first)
        assert seen.wrong == []


SWIPE = """([from, to]) => {
  const target = document.querySelector(".stage");
  const at = (x) => [new Touch({ identifier: 1, target, clientX: x, clientY: 400 })];
  const tell = (name, touches, changedTouches) =>
    target.dispatchEvent(new TouchEvent(name, { touches, changedTouches, bubbles: true }));
  tell("touchstart", at(from), at(from));
  tell("touchend", [], at(to));
}"""
"""A finger moved across the viewer, from one place in pixels from the left to another."""


def test_a_picture_that_cannot_be_made_says_why(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "torn.tif").write_bytes(b"II*\0\x08\0\0\0" + bytes(64))
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(tmp_path / "files")
        library.run(kinds=["thumb"])
        (why,) = {item.error["message"] for item in library.ls(kind="thumb") if item.error}
    with (
        serving(tmp_path / "library", "--no-work", "--no-watch") as served,
        browsers.tab(chromium, base_of(served)) as seen,
    ):
        page = seen.page
        open_item(page, "torn.tif")
        expect(page.locator(".figure")).to_have_text(f"There is no picture of this file: {why}")
        expect(page.locator(".figure .photo")).to_have_count(0)
        assert seen.wrong == []
