"""A browser, and the page in it: any request to another host and any error in the console fails."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.demo.server import PATIENCE

QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput)
      shifts.push([entry.value, entry.startTime, entry.sources.map(({ node }) => node?.id || node?.className)]);
}).observe({ type: 'layout-shift', buffered: true });
"""


@contextmanager
def launched(*arguments: str) -> Iterator[Browser]:
    """Debian's Chromium with these arguments besides; the test is skipped where it is absent."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium (Debian and Ubuntu: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET, *arguments])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, url: str, width: int = 1280, permissions: Sequence[str] = ()) -> Iterator[Page]:
    """The page, opened; afterwards what it asked for and what it complained of is checked.

    Args:
        browser: in which it is opened.
        url: of the page.
        width: of the window in pixels.
        permissions: that the visitor has granted, by the browser's names.
    """
    asked: list[str] = []
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, permissions=list(permissions))
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    expect.set_options(timeout=1000 * PATIENCE)

    def note(request: Request) -> None:
        if not request.url.startswith(("data:", "blob:", "about:")):
            asked.append(urlsplit(request.url).netloc)

    context.on("request", note)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    yield page
    context.close()
    assert set(asked) == {urlsplit(url).netloc}
    assert complaints == []
