"""A real browser: Debian's Chromium without a window, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tools.browser import find

NEEDED = "PILLION_NEEDS_BROWSER"
"""Set where CI knows that there is a browser to be had: no test may be skipped for want of one."""
PATIENCE_MS = 30_000

WATCHED = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
}).observe({ type: "longtask", buffered: true });
"""
"""Notes the longest task of the page, in ms; the browser tells of those over 50."""


def in_page(name: str) -> str:
    """A function to be evaluated in the page: ``inpage/NAME.js``."""
    return (Path(__file__).parent / "inpage" / f"{name}.js").read_text()


@dataclass
class Seen:
    """A tab, and what went wrong in it: errors of scripts, what the policy blocked, requests to other servers."""

    page: Page
    context: BrowserContext
    wrong: list[str] = field(default_factory=list)

    def longest_task_ms(self) -> float:
        """The longest task since this was last asked; 0 where none was over 50 ms."""
        return float(self.page.evaluate("[window.longest, window.longest = 0][0]"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser. Skips the test where none is installed; fails it there if NEEDED is set. One that is installed and
    does not start is Playwright's error.
    """
    path = find()
    if path is None:
        said = "Chromium is not installed (Debian: apt-get install chromium); tools/bootstrap.py tries to as root"
        if os.environ.get(NEEDED):
            pytest.fail(said)
        pytest.skip(said)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def tab(browser: Browser, base: str, **options: Any) -> Iterator[Seen]:
    """A tab of its own, without cookies of others. ``options``: of the context, such as viewport or color_scheme."""
    options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "reduced_motion": "reduce", **options}
    context = browser.new_context(base_url=base, **options)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(WATCHED)
    page = context.new_page()
    seen = Seen(page, context)
    page.on("pageerror", lambda error: seen.wrong.append(f"script: {error}"))
    page.on("console", lambda said: seen.wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((base, "blob:")) else seen.wrong.append(f"elsewhere: {request.url}")
        ),
    )
    yield seen
    context.close()
