"""Photos that come from a camera or from the clipboard instead of a file."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from demo import text
from tests.demo.browsing import launched, opened
from tests.demo.conftest import Photos
from tests.demo.server import Server

COPY = """async data => {
  const image = await (await fetch(`data:image/png;base64,${data}`)).blob();
  await navigator.clipboard.write([new ClipboardItem({'image/png': image})]);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One with a camera, which shows moving shapes, and a visitor who lets every page use it."""
    with launched("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with opened(browser, server.url, permissions=("camera", "clipboard-read", "clipboard-write")) as page:
        expect(page.get_by_role("button", name=text.COMPARE, exact=True)).to_be_visible()
        yield page


def inputs(page: Page) -> tuple[Locator, Locator]:
    """Where the first and where the second photo is added."""
    both = page.locator("#fc-inputs .fc-input")
    expect(both).to_have_count(2)
    return both.first, both.last


def compare(page: Page) -> None:
    page.get_by_role("button", name=text.COMPARE, exact=True).click()
    expect(page.locator(".fc-verdict")).to_have_count(1)


def copy(page: Page, photo: Path) -> None:
    """Put a PNG on the clipboard."""
    page.evaluate(COPY, base64.b64encode(photo.read_bytes()).decode())


@pytest.mark.slow
def test_a_photo_is_taken_and_searched_for_a_face(page: Page, photos: Photos) -> None:
    first, second = inputs(page)
    second.locator("input[type=file]").set_input_files(photos.astronaut)
    expect(second.locator("img")).to_have_count(1)
    first.get_by_label("Capture from camera").click()
    first.get_by_text("Click to Access Webcam").click()
    camera = first.get_by_test_id("webcam-video")
    expect(camera).to_be_visible()
    page.wait_for_function("video => video.videoWidth > 0 && video.readyState > 1", arg=camera.element_handle())
    first.get_by_label("capture photo").click()
    taken = first.locator("img[src*='/file=']")
    expect(taken).to_be_visible()
    page.wait_for_function("image => image.naturalWidth > 0", arg=taken.element_handle())
    compare(page)
    view = page.locator("#fc-view")
    expect(page.locator(".fc-verdict")).to_have_text(text.NO_COMPARISON)
    expect(view).to_contain_text(text.no_face("first"))
    expect(view).not_to_contain_text(text.no_face("second"))
    expect(view.locator(".fc-photo img")).to_have_count(2)  # so the picture of the camera was read


@pytest.mark.slow
def test_a_photo_is_pasted_and_compared(page: Page, photos: Photos) -> None:
    first, second = inputs(page)
    second.locator("input[type=file]").set_input_files(photos.astronaut)
    expect(second.locator("img")).to_have_count(1)
    copy(page, photos.darker)
    first.get_by_label("Paste from clipboard").click()
    expect(first.locator("img[src*='/file=']")).to_be_visible()
    compare(page)
    expect(page.locator(".fc-verdict")).to_have_text("Same person")
    # The verdict is not about a photo that is pasted over the other.
    first.get_by_label("Paste from clipboard").click()
    expect(page.locator(".fc-verdict")).to_have_count(0)
