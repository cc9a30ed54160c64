"""Take the README's picture of the page, with the example pair compared.

    python -m tests.demo.take_screenshot [demo/screenshot.png]

Needs chromium. Starts the page itself.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from demo import text
from tests.demo.server import PATIENCE, running

SIZE = {"width": 1280, "height": 900}
COLOURS = 192  # a palette keeps the file small, and the page has few colours


def main() -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(description="Take the README's picture of the page.")
    parser.add_argument("file", nargs="?", type=Path, default=Path("demo/screenshot.png"))
    file = parser.parse_args().file
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("take_screenshot: chromium is not installed")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(server.url)
        page.get_by_role("button", name=text.EXAMPLE_SAME).click()
        page.locator(".fc-crops img").last.wait_for()
        page.wait_for_load_state("networkidle")
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        bottom = page.locator(".fc-photos").bounding_box()
        assert bottom is not None
        page.screenshot(
            path=file,
            full_page=True,
            clip={"x": 0, "y": 0, "width": 1280, "height": bottom["y"] + bottom["height"] + 12},
        )
        browser.close()
    with Image.open(file) as image:
        small = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.FLOYDSTEINBERG)
    small.save(file, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
