"""The page in a browser. Any request to another host and any error in the console fails."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from demo import text, text_models, text_scale, text_trust, text_why
from demo.about import text as about_text
from demo.models import Offer
from facecore import checkpoint
from facecore.pretrained import DEFAULT_MODEL, find_model
from facecore.recognizer import FaceRecognizer
from tests.demo.browsing import WATCH_SHIFTS, opened
from tests.demo.conftest import Photos
from tests.demo.server import PATIENCE, Server, running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with opened(browser, server.url) as page:
        expect(page.get_by_role("button", name=text.COMPARE, exact=True)).to_be_visible()
        yield page


@pytest.fixture(scope="session")
def limits() -> dict[float, str]:
    """The thresholds of the bundled model as the page writes them, by the rate of false matches."""
    calibration = checkpoint.load(find_model(DEFAULT_MODEL)).calibration
    assert calibration is not None
    return {at.far: f"{at.threshold:.3f}" for at in calibration.thresholds}


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
    result = page.locator("#fc-view").get_by_role("status").filter(has_text="Same person")
    expect(result.get_by_role("heading", level=2)).to_have_text("Same person")
    expect(result).to_contain_text("likely to be the same person")
    expect(result).to_contain_text("pairs of strangers score this high")
    expect(result).to_contain_text("Score 0.")
    expect(result.get_by_role("img", name="A scale of scores.")).to_be_visible()
    assert result.get_attribute("aria-live") == "polite"
    pictures = result.locator("img")
    expect(pictures).to_have_count(4)
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
    expect(result.locator("rect.compared:not(.under)")).to_have_count(2)
    no_sideways_scrolling(page)


@pytest.mark.slow
def test_a_model_without_calibration_has_a_plain_scale(browser: Browser, photos: Photos, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("calibration.json")
    shutil.copytree(find_model("resnet18"), tmp_path / "model", ignore=ignored)
    with running(tmp_path, "--model", str(tmp_path / "model")) as own:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(own.url)
        choose(page, photos, "astronaut", "darker")
        page.get_by_role("button", name=text.COMPARE, exact=True).click()
        expect(page.locator(".fc-verdict")).to_have_text(text.ONLY_A_SCORE)
        expect(page.get_by_role("img", name="on a scale from 0 to 1")).to_be_visible()
        expect(page.get_by_role("radio")).to_have_count(0)
        no_sideways_scrolling(page)
        page.close()


@pytest.mark.slow
def test_nothing_jumps(browser: Browser, server: Server, photos: Photos, limits: dict[float, str]) -> None:
    for width in (1280, 390):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.add_init_script(WATCH_SHIFTS)
        page.goto(server.url)
        expect(page.get_by_role("button", name=text.COMPARE, exact=True)).to_be_visible()
        choose(page, photos, "two_people", "astronaut")
        page.get_by_role("button", name=text.COMPARE, exact=True).click()
        expect(page.locator(".fc-crops img")).to_have_count(2)
        page.locator("button.fc-face[aria-pressed=false]").click()
        expect(page.locator("#fc-view")).to_contain_text("number 2 by size was compared")
        page.get_by_role("button", name=text_why.WHY).click()
        expect(page.locator(".fc-why img")).to_have_count(2)
        page.get_by_label(text_scale.STRICTNESS_LABELS["fewer misses"]).check()
        expect(page.locator("#fc-view")).to_contain_text(f"same person from {limits[1e-2]}")
        page.wait_for_load_state("networkidle")
        shifts = page.evaluate("shifts")
        assert sum(value for value, _, _ in shifts) < 0.1, shifts
        page.close()


@pytest.mark.slow
def test_another_face_is_chosen_with_the_keyboard(page: Page, photos: Photos) -> None:
    choose(page, photos, "two_people", "astronaut")
    page.get_by_role("button", name=text.COMPARE, exact=True).press("Enter")
    expect(page.locator(".fc-verdict")).not_to_have_text("Same person")
    pictures = [picture.get_attribute("src") for picture in page.locator(".fc-photo img").all()]
    largest = page.get_by_role("button", name=text.face_button("first", 0, 2, True))
    expect(largest).to_have_attribute("aria-pressed", "true")
    largest.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".fc-verdict")).to_have_text("Same person")
    other = page.get_by_role("button", name=text.face_button("first", 1, 2, True))
    expect(other).to_be_focused()
    expect(other).to_have_attribute("aria-pressed", "true")
    assert [picture.get_attribute("src") for picture in page.locator(".fc-photo img").all()] == pictures
    no_sideways_scrolling(page)


@pytest.mark.slow
def test_nothing_is_chosen_about_a_pair_that_gives_way_to_another(page: Page, photos: Photos) -> None:
    choose(page, photos, "two_people", "astronaut")
    page.get_by_role("button", name=text.COMPARE, exact=True).click()
    faces = page.locator("#fc-view").get_by_role("button")
    expect(faces).to_have_count(2)
    before = page.locator("#fc-view [data-key]").get_attribute("data-key")
    held = page.evaluate(
        """() => {
          document.querySelector('#fc-compare').click();
          document.querySelector('#fc-view button[aria-pressed="false"]').click();
          return document.querySelector('#fc-strict').inert;
        }"""
    )
    assert held
    expect(page.locator("#fc-view [data-key]")).not_to_have_attribute("data-key", before or "")
    page.wait_for_function("!document.querySelector('#fc-strict').inert")
    pressed = [face.get_attribute("aria-pressed") for face in faces.all()]
    page.wait_for_timeout(1000)  # an answer about the pair before would come now
    expect(page.locator("#fc-view [data-key]")).not_to_have_attribute("data-key", before or "")
    assert [face.get_attribute("aria-pressed") for face in faces.all()] == pressed


@pytest.mark.slow
def test_an_answer_that_comes_too_late_is_not_shown(page: Page, photos: Photos) -> None:
    choose(page, photos, "astronaut", "darker")
    page.evaluate(
        """() => {
          document.querySelector('#fc-compare').click();
          setTimeout(() => document.querySelector('#fc-inputs [aria-label="Remove Image"]').click(), 50);
        }"""
    )
    expect(page.locator("#fc-inputs img")).to_have_count(1)
    page.wait_for_timeout(3000)
    expect(page.locator(".fc-verdict")).to_have_count(0)
    expect(page.locator("#fc-strict")).not_to_have_attribute("inert", "")
    # Two examples pressed at once: whichever photos stay, a verdict is about them, or there is none.
    same, different = (page.get_by_role("button", name=name) for name in (text.EXAMPLE_SAME, text.EXAMPLE_DIFFERENT))
    for buttons in ((same, different), (different, same)):
        page.evaluate("pressed => pressed.forEach(one => one.click())", [one.element_handle() for one in buttons])
        page.wait_for_timeout(8000)
        photo = page.locator("#fc-inputs img").last.get_attribute("src") or ""
        verdict = text.VERDICTS["different" if "hopper" in photo else "same"]
        view = page.locator("#fc-view")
        expect(view).to_contain_text(re.compile(f"{re.escape(verdict)}|{re.escape(text.CHANGED)}"))
    same.click()  # and all goes on
    expect(page.locator(".fc-verdict")).to_have_text(text.VERDICTS["same"])


@pytest.mark.slow
def test_strictness_judges_anew_and_says_what_it_costs(page: Page, photos: Photos, limits: dict[float, str]) -> None:
    strictest = page.get_by_label(text_scale.STRICTNESS_LABELS["fewer false matches"])
    strictest.check()  # nothing is shown yet
    expect(page.locator("#fc-cost")).to_contain_text("about 1 in 10,000 pairs of strangers passes for one.")
    choose(page, photos, "astronaut", "darker")
    page.get_by_role("button", name=text.COMPARE, exact=True).click()
    expect(page.locator("#fc-view")).to_contain_text(f"same person from {limits[1e-4]}")
    page.get_by_label(text_scale.STRICTNESS_LABELS["fewer misses"]).check()
    expect(page.locator("#fc-view")).to_contain_text(f"same person from {limits[1e-2]}")
    expect(page.locator("#fc-cost")).to_contain_text("about 1 in 100 pairs of strangers passes for one.")
    page.get_by_label("Remove Image").first.click()
    expect(page.locator(".fc-verdict")).to_have_count(0)
    strictest.check()
    expect(page.locator("#fc-cost")).to_contain_text("1 in 10,000")
    expect(page.locator(".fc-verdict")).to_have_count(0)  # what is gone does not come back


@pytest.mark.slow
def test_another_model_judges_anew_on_all_tabs(
    page: Page, photos: Photos, recognizer: FaceRecognizer, open_recognizer: FaceRecognizer
) -> None:
    """The score, the costs and what is said about the model change; what was asked about the former one is gone."""
    first, other = (page.locator("#fc-model input").nth(number) for number in (0, 1))
    costs = [note(one) for one in (recognizer, open_recognizer)]
    expect(page.locator("#fc-cost")).to_contain_text(costs[0])
    other.check()  # nothing is shown yet
    expect(page.locator("#fc-cost")).to_contain_text(costs[1])
    first.check()
    expect(page.locator("#fc-cost")).to_contain_text(costs[0])
    choose(page, photos, "astronaut", "darker")
    page.get_by_role("button", name=text.COMPARE, exact=True).click()
    score = page.locator("#fc-view").get_by_text(re.compile(r"Score \d"))
    expect(score).to_contain_text(f"{recognizer.compare(photos.astronaut, photos.darker).score:.3f}")
    page.get_by_role("button", name=text_why.WHY).click()
    expect(page.locator("#fc-why")).to_contain_text(text_why.METHOD)
    other.check()
    expect(score).to_contain_text(f"{open_recognizer.compare(photos.astronaut, photos.darker).score:.3f}")
    expect(page.locator("#fc-why")).not_to_contain_text(text_why.METHOD)
    expect(page.locator("#fc-cost")).to_contain_text(costs[1])
    page.evaluate("document.querySelector('#fc-view [data-key]').dataset.key = 'forgotten'")
    first.check()
    expect(page.locator("#fc-view")).to_contain_text(text_models.PRESS_COMPARE)
    expect(page.locator(".fc-verdict")).to_have_count(0)
    page.get_by_role("tab", name=about_text.TAB).click()
    for choice, one in ((other, open_recognizer), (first, recognizer)):
        choice.check()
        expect(page.locator("#fc-about")).to_contain_text(one.model.digest)


def note(recognizer: FaceRecognizer) -> str:
    """What the strictness "balanced" costs with a model, in the page's words."""
    offer = Offer.of(recognizer)
    assert offer.calibration is not None
    setting = offer.settings["balanced"]
    return text_scale.cost(setting.missed, setting.strangers, offer.calibration.rarest)


@pytest.mark.slow
def test_why_is_shown_on_request(page: Page, photos: Photos, limits: dict[float, str]) -> None:
    ask = page.get_by_role("button", name=text_why.WHY)
    expect(ask).to_be_hidden()
    choose(page, photos, "two_people", "astronaut")
    page.get_by_role("button", name=text.COMPARE, exact=True).click()
    ask.press("Enter")
    why = page.locator("#fc-why")
    expect(why).to_contain_text(text_why.METHOD)
    expect(why).to_contain_text("The score of 0.")
    for picture in why.get_by_role("img", name="Map over the face").all():
        picture.scroll_into_view_if_needed()
        page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
    no_sideways_scrolling(page)
    page.locator("button.fc-face[aria-pressed=false]").click()
    expect(why).not_to_contain_text(text_why.METHOD)  # it was about another face
    ask.click()
    expect(why).to_contain_text(text_why.METHOD)
    page.get_by_label(text_scale.STRICTNESS_LABELS["fewer misses"]).check()
    expect(page.locator("#fc-view")).to_contain_text(f"same person from {limits[1e-2]}")
    expect(why).to_contain_text(text_why.METHOD)  # the score is the same
    page.get_by_role("button", name=text.COMPARE, exact=True).click()
    expect(why).not_to_contain_text(text_why.METHOD)
    ask.click()
    expect(why).to_contain_text(text_why.METHOD)
    page.get_by_label("Remove Image").first.click()
    expect(why).not_to_contain_text(text_why.METHOD)
    expect(ask).to_be_hidden()


@pytest.mark.slow
def test_what_was_forgotten_meanwhile_is_said(page: Page, photos: Photos) -> None:
    choose(page, photos, "two_people", "astronaut")
    page.get_by_role("button", name=text.COMPARE, exact=True).click()
    expect(page.locator(".fc-verdict")).to_have_count(1)
    page.evaluate("document.querySelector('#fc-view [data-key]').dataset.key = 'forgotten'")
    page.get_by_role("button", name=text_why.WHY).click()
    expect(page.locator("#fc-why")).to_contain_text(text.FORGOTTEN)
    verdict = page.locator(".fc-verdict").inner_text()
    page.locator("button.fc-face[aria-pressed=false]").click()
    expect(page.get_by_test_id("toast-text").filter(has_text=text.FORGOTTEN)).to_be_visible()
    expect(page.locator(".fc-verdict")).to_have_text(verdict)


@pytest.mark.slow
def test_doubts_and_look_alikes_are_told(page: Page) -> None:
    page.get_by_role("button", name=text.EXAMPLE_SAME).click()
    trust = page.locator(".fc-trust")
    expect(trust.get_by_role("heading")).to_have_text(text_trust.HEADING)
    expect(trust).to_contain_text(text_trust.look_alikes("same"))


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
