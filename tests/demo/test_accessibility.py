"""axe-core's rules on every tab, empty and with results, at both widths, on light and dark pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from demo import text, text_why
from demo.about import text as about_text
from demo.pair_list import text as list_text
from demo.photo_set import text as set_text
from tests.demo.conftest import Photos
from tests.demo.pair_list.conftest import make
from tests.demo.server import PATIENCE, Server

TABS = (text.TWO_PHOTOS, set_text.TAB, list_text.TAB, about_text.TAB)
SEVERE = ("serious", "critical")

# What Gradio's own markup breaks: (rule, a part of the element's HTML that names Gradio's component). Nothing that we
# write may be added here.
GRADIOS = (
    (
        "nested-interactive",
        'aria-label="common.upload"',
    ),  # the button that adds files lies in the area for dropping them
    ("color-contrast", 'data-testid="download-link"'),  # sizes of the files that were added
)


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["wide and light", "narrow and dark"])
def page(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Page]:
    width, scheme = request.param
    # Axe is put into the page by the test, which the page's own policy would forbid.
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    expect.set_options(timeout=1000 * PATIENCE)
    page.goto(server.url)
    yield page
    context.close()


def violations(page: Page) -> list[str]:
    """Severe ones that Gradio's list does not hold, each as rule and element."""
    # While a result comes Gradio fades it in, and half faded no colour is what it will be.
    page.wait_for_function("!document.querySelector('.pending, .generating, .translucent:not(.hide)')")
    page.wait_for_function("document.getAnimations().every(one => one.playState !== 'running')")
    found = []
    for violation in Axe().run(page).response["violations"]:
        if violation["impact"] in SEVERE:
            for node in violation["nodes"]:
                known = any(violation["id"] == rule and part in node["html"] for rule, part in GRADIOS)
                if not known:
                    found.append(f"{violation['id']}: {node['html'][:300]} ({' '.join(map(str, node['target']))})")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", TABS)
def test_a_tab_as_it_opens(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
    assert violations(page) == []


@pytest.mark.slow
def test_a_comparison(page: Page) -> None:
    page.get_by_role("button", name=text.EXAMPLE_DIFFERENT).click()
    expect(page.locator("#fc-view")).to_contain_text(text.VERDICTS["different"])
    assert violations(page) == []


@pytest.mark.slow
def test_a_set_of_photos(page: Page, photos: Photos) -> None:
    page.get_by_role("tab", name=set_text.TAB).click()
    page.locator("#fc-set-photos input[type=file]").set_input_files([photos.astronaut, photos.darker, photos.hopper])
    expect(page.locator("#fc-set-photos")).to_contain_text(photos.hopper.stem[:6])
    page.get_by_role("button", name=set_text.BUTTON).click()
    expect(page.locator("#fc-set-view table")).to_be_visible()
    assert violations(page) == []


@pytest.mark.slow
def test_a_list_of_pairs_and_its_report(page: Page, photos: Photos, tmp_path: Path) -> None:
    given = make(tmp_path, photos)
    page.get_by_role("tab", name=list_text.TAB).click()
    inputs = page.locator("#fc-list-inputs")
    for field, file in ((inputs.locator("input").first, given.pairs), (inputs.locator("input").last, given.archive)):
        field.set_input_files(file)
        expect(inputs).to_contain_text(file.stem)
    page.get_by_role("button", name=list_text.BUTTON).click()
    view = page.locator("#fc-list-view")
    expect(view.get_by_role("heading", name="pairs scored")).to_be_visible()
    expect(view.frame_locator("iframe").locator("figure img").first).to_be_visible()
    assert violations(page) == []
    # The frame runs no scripts, so that the rules cannot be tried in it: the report is opened by itself.
    report = page.locator("#fc-list-view iframe").get_attribute("srcdoc")
    assert report
    page.set_content(report)
    expect(page.get_by_role("heading", name="Face verification")).to_be_visible()
    assert violations(page) == []


@pytest.mark.slow
def test_the_reason_of_a_score(page: Page) -> None:
    page.get_by_role("button", name=text.EXAMPLE_SAME).click()
    page.get_by_role("button", name=text_why.WHY).click()
    expect(page.locator("#fc-why img").last).to_be_visible()
    assert violations(page) == []
