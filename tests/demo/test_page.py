"""The page in a browser. Any request to another host and any error in the console fails."""

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from demo import text
from tests.demo.conftest import Photos
from tests.demo.server import PATIENCE, Server

QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium (Debian and Ubuntu: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """The page, opened; afterwards what it asked for and what it complained of is checked."""
    asked: list[str] = []
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    expect.set_options(timeout=1000 * PATIENCE)

    def note(request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            asked.append(urlsplit(request.url).netloc)

    context.on("request", note)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(server.url)
    expect(page.get_by_role("button", name=text.COMPARE, exact=True)).to_be_visible()
    yield page
    context.close()
    assert set(asked) == {urlsplit(server.url).netloc}
    assert complaints == []


def no_sideways_scrolling(page: Page) -> None:
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def choose(page: Page, photos: Photos, left: str, right: str) -> None:
    inputs = page.locator("#fc-inputs")
    inputs.locator("input[type=file]").nth(1).set_input_files(getattr(photos, right))
    expect(inputs.locator("img")).to_have_count(1)
    inputs.locator("input[type=file]").nth(0).set_input_files(getattr(photos, left))
    expect(inputs.locator("img")).to_have_count(2)


def test_two_photos_give_a_verdict(page: Page, photos: Photos) -> None:
    expect(page.get_by_text(text.NOTICE)).to_be_visible()
    no_sideways_scrolling(page)
    choose(page, photos, "astronaut", "darker")
    page.get_by_role("button", name=text.COMPARE, exact=True).press("Enter")
    result = page.get_by_role("status").filter(has_text="Same person")
    expect(result.get_by_role("heading")).to_have_text("Same person")
    expect(result).to_contain_text("likely to be the same person")
    expect(result).to_contain_text("pairs of strangers score this high")
    expect(result).to_contain_text("Score 0.")
    assert result.get_attribute("aria-live") == "polite"
    pictures = result.locator("img")
    expect(pictures).to_have_count(4)
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
    expect(result.locator("rect.compared:not(.under)")).to_have_count(2)
    no_sideways_scrolling(page)


@pytest.mark.slow
def test_the_examples_answer_at_one_press(page: Page) -> None:
    page.get_by_role("button", name=text.EXAMPLE_SAME).click()
    expect(page.locator(".fc-verdict")).to_have_text("Same person")
    page.get_by_role("button", name=text.EXAMPLE_DIFFERENT).click()
    expect(page.locator(".fc-verdict")).not_to_have_text("Same person")


@pytest.mark.slow
def test_a_verdict_does_not_outlive_its_photos(page: Page, photos: Photos) -> None:
    choose(page, photos, "astronaut", "darker")
    page.get_by_role("button", name=text.COMPARE, exact=True).click()
    expect(page.locator(".fc-verdict")).to_have_count(1)
    page.get_by_label("Remove Image").first.click()
    expect(page.locator(".fc-verdict")).to_have_count(0)
    page.get_by_role("button", name=text.COMPARE, exact=True).click()
    expect(page.locator("#fc-view")).to_contain_text(text.missing("first"))


@pytest.mark.slow
def test_a_photo_without_a_face_is_named(page: Page, photos: Photos) -> None:
    choose(page, photos, "astronaut", "coffee")
    page.get_by_role("button", name=text.COMPARE, exact=True).click()
    expect(page.locator(".fc-verdict")).to_have_text(text.NO_COMPARISON)
    expect(page.locator("#fc-view")).to_contain_text(text.no_face("second"))
    no_sideways_scrolling(page)
