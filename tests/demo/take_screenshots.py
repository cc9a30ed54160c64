"""Take the README's pictures of the page, on the example pair and on photos of members of Congress.

    python -m tests.demo.take_screenshots ../shared/data/photos [--out demo/screenshots]

Needs chromium, and a folder with master.csv and the photos that it names. Starts the page itself.
"""

import argparse
import csv
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, FloatRect, Page, expect, sync_playwright

from demo import text
from demo.pair_list import text as list_text
from demo.photo_set import text as set_text
from tests.demo.browsing import QUIET
from tests.demo.server import PATIENCE, running

COLOURS = 192  # a palette keeps the files small, and the page has few colours
PEOPLE = 3  # in the set, with two photos each
BELOW = 12  # pixels under the last thing that is shown


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        name: of the file.
        width: of the window, in pixels.
        height: of the window.
        scheme: "light" or "dark".
        show: brings the page to where the picture is taken, and returns a selector of the last thing to be on it.
    """

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]
    show: Callable[[Page], str]


def two_photos(page: Page) -> str:
    page.get_by_role("button", name=text.EXAMPLE_SAME).click()
    page.locator(".fc-crops img").last.wait_for()
    return ".fc-photos"


def phone(page: Page) -> str:
    page.get_by_role("button", name=text.EXAMPLE_DIFFERENT).click()
    page.locator(".fc-crops img").last.wait_for()
    return ".fc-trust"


def photo_set(photos: Path) -> Callable[[Page], str]:
    def show(page: Page) -> str:
        page.get_by_role("tab", name=set_text.TAB).click()
        files = [name for row in rows(photos) if row["same"] == "1" for name in (row["left"], row["right"])]
        field = page.locator("#fc-set-photos")
        field.locator("input[type=file]").set_input_files([photos / name for name in files[: 2 * PEOPLE]])
        expect(field).to_contain_text(Path(files[2 * PEOPLE - 1]).stem[:6])
        page.get_by_role("button", name=set_text.BUTTON).click()
        page.locator("#fc-set-view table").wait_for()
        return "#fc-set-view"

    return show


def pair_list(photos: Path, folder: Path) -> Callable[[Page], str]:
    def show(page: Page) -> str:
        archive = folder / "photos.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            for name in sorted({row[side] for row in rows(photos) for side in ("left", "right")}):
                packed.write(photos / name, name)
        page.get_by_role("tab", name=list_text.TAB).click()
        inputs = page.locator("#fc-list-inputs")
        for field, file in (
            (inputs.locator("input").first, photos / "master.csv"),
            (inputs.locator("input").last, archive),
        ):
            field.set_input_files(file)
            expect(inputs).to_contain_text(file.stem)
        page.get_by_role("button", name=list_text.BUTTON).click()
        report = page.locator("#fc-list-view iframe")
        report.content_frame.locator("figure img").first.wait_for()
        report.scroll_into_view_if_needed()  # a frame out of sight is not drawn
        page.wait_for_timeout(1000)
        return "#fc-list-view"

    return show


def rows(photos: Path) -> list[dict[str, str]]:
    """The lines of the list of pairs."""
    with (photos / "master.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def take(browser: Browser, address: str, shot: Shot, out: Path) -> None:
    """Write one picture."""
    page = browser.new_page(viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme)
    page.set_default_timeout(1000 * PATIENCE)
    expect.set_options(timeout=1000 * PATIENCE)
    page.goto(address)
    last = page.locator(shot.show(page))
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    box = last.bounding_box()
    assert box is not None
    clip: FloatRect = {"x": 0, "y": 0, "width": shot.width, "height": box["y"] + box["height"] + BELOW}
    file = out / f"{shot.name}.png"
    page.screenshot(path=file, clip=clip)
    page.close()
    with Image.open(file) as image:
        small = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.FLOYDSTEINBERG)
    small.save(file, optimize=True)


def main() -> int:
    """Write all pictures."""
    parser = argparse.ArgumentParser(description="Take the README's pictures of the page.")
    parser.add_argument("photos", type=Path, help="folder with master.csv and the photos that it names")
    parser.add_argument("--out", type=Path, default=Path("demo/screenshots"), help="default: demo/screenshots")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("take_screenshots: chromium is not installed")
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        for shot in (
            Shot("two-photos", 1280, 1900, "light", two_photos),
            Shot("phone", 390, 2000, "dark", phone),
            Shot("set", 1280, 1800, "light", photo_set(arguments.photos)),
            Shot("list", 1280, 1800, "light", pair_list(arguments.photos, Path(folder))),
        ):
            take(browser, server.url, shot, arguments.out)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
