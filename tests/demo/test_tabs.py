"""The tabs for many photos in a browser. Any request to another host and any error in the console fails."""

import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from demo.pair_list import text as list_text
from demo.photo_set import text as set_text
from tests.demo.browsing import WATCH_SHIFTS, opened
from tests.demo.conftest import Photos
from tests.demo.server import Server

SENTENCE = 150  # pixels, more than any sentence takes
LONG = 600  # photos that take long enough to press Stop meanwhile


@pytest.fixture(params=[1280, 390])
def page(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Page]:
    with opened(browser, server.url, request.param) as page:
        yield page
        width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


def add(field: Locator, files: list[Path], shown: Locator) -> None:
    """Choose files, and wait until they are there."""
    field.set_input_files(files)
    for file in files:
        expect(shown).to_contain_text(file.stem[:6])


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


@pytest.mark.slow
def test_a_set_of_photos_is_sorted(page: Page, photos: Photos, tmp_path: Path) -> None:
    open_tab(page, set_text.TAB)
    person = [photos.astronaut, photos.darker, photos.sideways]
    chosen = [*person, photos.hopper, photos.coffee, *person]
    add(page.locator("#fc-set-photos input[type=file]"), chosen, page.locator("#fc-set-photos"))
    button = page.get_by_role("button", name=set_text.BUTTON)
    button.focus()
    button.press("Enter")
    view = page.locator("#fc-set-view")
    expect(view.get_by_role("heading", name="One person in more than one photo, one photo on its own")).to_be_visible()
    status = page.get_by_role("status").filter(has_text="One person in more than one photo")
    expect(status).to_have_attribute("aria-live", "polite")
    expect(status).to_contain_text(set_text.no_face())
    expect(status).not_to_contain_text("0.")  # a table of scores is for reading, not for listening to
    expect(view.get_by_role("heading", name="Group 1, 6 photos")).to_be_visible()

    table = view.get_by_role("table")
    expect(table.locator("caption")).to_contain_text("7 photos")
    expect(table.get_by_role("columnheader")).to_have_count(8)
    expect(table.get_by_role("rowheader")).to_have_count(7)
    expect(table.get_by_role("cell")).to_have_count(49)
    expect(
        table.get_by_role("cell", name="different people").or_(table.get_by_role("cell", name="too close"))
    ).to_have_count(12)
    for picture in view.locator("img").all():
        picture.scroll_into_view_if_needed()
        page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())

    # The table scrolls in a frame of its own, by keys too.
    frame = view.get_by_role("region", name=set_text.MATRIX_FRAME)
    frame.focus()
    expect(frame).to_be_focused()
    narrow = page.evaluate("innerWidth") == 390
    assert frame.evaluate("frame => frame.scrollWidth > frame.clientWidth") == narrow
    if narrow:
        page.keyboard.press("ArrowRight")
        page.wait_for_function("frame => frame.scrollLeft > 0", arg=frame.element_handle())

    with page.expect_download() as download:
        view.get_by_role("link", name=set_text.DOWNLOAD).press("Enter")
    assert download.value.suggested_filename == "scores.csv"
    download.value.save_as(tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 21

    page.locator("#fc-set-photos").get_by_label("Clear").click()
    expect(view.get_by_role("table")).to_have_count(0)
    button.click()
    expect(view).to_contain_text(set_text.too_few(0, 2))


@pytest.mark.slow
def test_groups_of_photos_that_have_changed_are_not_shown(page: Page, photos: Photos) -> None:
    open_tab(page, set_text.TAB)
    person = [photos.astronaut, photos.darker, photos.sideways]
    field = page.locator("#fc-set-photos")
    add(field.locator("input[type=file]"), [*person, photos.hopper, photos.coffee], field)
    page.evaluate(
        """() => {
          document.querySelector('#fc-set-button').click();
          setTimeout(() => document.querySelector('#fc-set-photos [aria-label="Clear"]').click(), 100);
        }"""
    )
    expect(field.locator(".file-preview")).to_have_count(0)
    add(field.locator("input[type=file]"), person, field)
    page.wait_for_timeout(5000)
    expect(page.locator("#fc-set-view table")).to_have_count(0)
    page.locator("#fc-set-button").click()
    expect(page.locator("#fc-set-view").get_by_role("rowheader")).to_have_count(3)


def pack(folder: Path, photo: Path, count: int) -> list[Path]:
    """A list of pairs and a zip with so many photos, no two files alike."""
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for number in range(count):
            archive.writestr(f"person/{number}.jpg", photo.read_bytes() + str(number).encode())
    lines = [f"person/{number}.jpg person/{number + 1}.jpg 1" for number in range(count - 1)]
    (folder / "pairs.txt").write_text("\n".join([*lines, "person/0.jpg absent.jpg 0"]) + "\n")
    return [folder / "pairs.txt", folder / "photos.zip"]


def add_list(page: Page, files: list[Path]) -> None:
    inputs = page.locator("#fc-list-inputs")
    add(inputs.locator("input[type=file]").first, files[:1], inputs)
    add(inputs.locator("input[type=file]").last, files[1:], inputs)


@pytest.mark.slow
def test_a_list_is_scored_and_its_report_shown(page: Page, photos: Photos, tmp_path: Path) -> None:
    open_tab(page, list_text.TAB)
    button = page.get_by_role("button", name=list_text.BUTTON)
    view = page.locator("#fc-list-view")
    button.click()
    expect(view).to_contain_text(list_text.missing(False, False))
    add_list(page, pack(tmp_path, photos.astronaut, 4))
    expect(view).not_to_contain_text(list_text.missing(False, False))
    button.press("Enter")
    expect(view.get_by_role("heading", name="3 of 4 pairs scored")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="pairs scored")).to_have_attribute("aria-live", "polite")
    failed = view.get_by_role("table")
    expect(failed.get_by_role("row", name="absent.jpg 1 is not in the zip")).to_be_visible()

    frame = view.locator("iframe")
    assert frame.get_attribute("sandbox") == ""
    assert frame.get_attribute("title") == list_text.REPORT_HEAD
    frame.scroll_into_view_if_needed()
    report = view.frame_locator("iframe")
    expect(report.get_by_role("heading", name="Face verification: pairs.txt")).to_be_visible()
    expect(report.locator("figure img").first).to_be_visible()

    for name, file in (
        (list_text.SCORES, "scores.csv"),
        (list_text.REPORT, "report.html"),
        (list_text.RECORD, "scores.json"),
    ):
        with page.expect_download() as download:
            view.get_by_role("link", name=name).click()
        assert download.value.suggested_filename == file
    expect(page.get_by_role("button", name=list_text.STOP)).to_be_disabled()
    expect(button).to_be_enabled()


def jumps(page: Page, when: str) -> list[tuple[float, float, list[str]]]:
    """What jumped: how far, as browsers count it, when in ms, and which parts; `when` is a condition for that time."""
    page.wait_for_load_state("networkidle")
    found: list[tuple[float, float, list[str]]] = page.evaluate(f"shifts.filter(([, time]) => {when})")
    return found


def far(jumped: list[tuple[float, float, list[str]]]) -> float:
    return sum(value for value, _, _ in jumped)


def press(page: Page, button: Locator) -> None:
    """Press it, and wait until room is made: what jumps with the press itself is expected by whoever pressed.

    Browsers leave that out by the clock, which a busy machine does not keep.
    """
    page.evaluate("pressed = performance.now()")
    button.click()
    page.wait_for_function("document.documentElement.className.includes('-asked')")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.evaluate("settled = performance.now()")


def height(view: Locator) -> float:
    box = view.bounding_box()
    return box["height"] if box else 0.0


@pytest.mark.slow
def test_nothing_jumps_when_a_set_is_sorted(page: Page, photos: Photos) -> None:
    page.evaluate(WATCH_SHIFTS)
    open_tab(page, set_text.TAB)
    button, view = page.get_by_role("button", name=set_text.BUTTON), page.locator("#fc-set-view")
    button.click()
    expect(view).to_contain_text(set_text.too_few(0, 2))
    assert height(view) < SENTENCE  # what is missing is said without a large gap below
    chosen = [photos.astronaut, photos.darker, photos.sideways, photos.hopper]
    add(page.locator("#fc-set-photos input[type=file]"), chosen, page.locator("#fc-set-photos"))
    expect(view).not_to_contain_text(set_text.too_few(0, 2))
    press(page, button)
    expect(view.get_by_role("table")).to_be_visible()
    assert far(jumped := jumps(page, "time > settled")) < 0.01, jumped
    assert far(jumped := jumps(page, "time < pressed || time > settled")) < 0.1, jumped
    page.locator("#fc-set-photos").get_by_label("Clear").click()
    expect(view.get_by_role("table")).to_have_count(0)
    assert height(view) < SENTENCE


@pytest.mark.slow
def test_nothing_jumps_when_a_list_is_scored(page: Page, photos: Photos, tmp_path: Path) -> None:
    page.evaluate(WATCH_SHIFTS)
    open_tab(page, list_text.TAB)
    add_list(page, pack(tmp_path, photos.astronaut, 4))
    view = page.locator("#fc-list-view")
    press(page, page.get_by_role("button", name=list_text.BUTTON))
    expect(view.locator("iframe")).to_be_visible()
    assert far(jumped := jumps(page, "time > settled")) < 0.01, jumped
    assert far(jumped := jumps(page, "time < pressed || time > settled")) < 0.1, jumped
    page.locator("#fc-list-inputs").get_by_label("Clear").first.click()
    expect(view.locator("iframe")).to_have_count(0)
    assert height(view) < SENTENCE


@pytest.mark.slow
def test_stop_ends_the_work_and_leaves_nothing(page: Page, photos: Photos, server: Server, tmp_path: Path) -> None:
    open_tab(page, list_text.TAB)
    add_list(page, pack(tmp_path, photos.astronaut, LONG))
    button, stop = (page.get_by_role("button", name=name) for name in (list_text.BUTTON, list_text.STOP))
    expect(stop).to_be_disabled()
    button.click()
    expect(page.get_by_role("progressbar", name=list_text.EMBEDDING)).to_be_visible()
    expect(button).to_be_disabled()
    stop.press("Enter")
    expect(page.locator("#fc-list-view .fc-list")).to_have_text(list_text.STOPPED)
    assert height(page.locator("#fc-list-view")) < SENTENCE
    expect(button).to_be_enabled()
    expect(stop).to_be_disabled()
    # The next list, of another visitor or the same, waits until what was unpacked is gone.
    page.locator("#fc-list-inputs").get_by_label("Clear").first.click()
    (tmp_path / "next").mkdir()
    page.locator("#fc-list-inputs").get_by_label("Clear").first.click()
    add_list(page, pack(tmp_path / "next", photos.astronaut, 2))
    button.click()
    expect(page.get_by_role("heading", name="1 of 2 pairs scored")).to_be_visible()
    assert list((server.uploads.parent / "unpacked").iterdir()) == []
