import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo import text, text_scale, text_trust, text_why
from demo.comparer import Comparer
from demo.models import Models, UnknownChoice
from demo.uploads import MAX_BYTES, Upload
from facecore.errors import ModelError
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos


def upload(path: Path) -> Upload:
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def compare(recognizer: FaceRecognizer, tmp_path: Path) -> Comparer:
    return Comparer(Models.of(recognizer), tmp_path / "uploads")


def refusal(answer: tuple[dict[str, Any], str], *sentences: str) -> None:
    """Check that `answer` is no verdict but these sentences."""
    details, html = answer
    assert details["verdict"] is details["score"] is details["probability"] is None
    assert details["why_not"].splitlines() == list(sentences)
    assert text.NO_COMPARISON in html
    assert "fc-crops" not in html
    for sentence in sentences:
        assert sentence in html


def test_a_darker_copy_is_the_same_person(compare: Comparer, photos: Photos, tmp_path: Path) -> None:
    details, html = compare(upload(photos.astronaut), upload(photos.darker))
    assert details["verdict"] == "same"
    assert details["score"] >= details["threshold"]
    assert 0.5 <= details["probability"] <= 1
    assert details["why_not"] is None
    json.dumps(details, allow_nan=False)
    assert "Same person" in html
    assert "pairs of strangers score this high" in html
    assert html.count('class="compared"') == 2
    pictures = sorted((tmp_path / "uploads").iterdir())
    assert len(pictures) == 4  # two photos, two crops
    assert all(f"gradio_api/file={path}" in html for path in pictures)
    sizes = []
    for path in pictures:
        with Image.open(path) as image:
            sizes.append(image.size)
    assert sorted(sizes) == [(112, 112), (112, 112), (512, 512), (512, 512)]


def test_two_people_are_not_the_same_person(compare: Comparer, photos: Photos) -> None:
    details, _ = compare(upload(photos.astronaut), upload(photos.hopper))
    assert details["verdict"] in ("different", "uncertain")


def test_scores_are_those_of_the_library(compare: Comparer, recognizer: FaceRecognizer, photos: Photos) -> None:
    for left, right in ((photos.astronaut, photos.hopper), (photos.sideways, photos.darker)):
        details, _ = compare(upload(left), upload(right))
        assert details == recognizer.compare(left, right).to_dict()


def test_several_faces_are_all_drawn(compare: Comparer, photos: Photos) -> None:
    details, html = compare(upload(photos.two_people), upload(photos.astronaut))
    assert details["left"]["faces_found"] == 2
    assert "2 faces found, the largest was compared." in html
    assert "One face found." in html
    assert html.count('class="compared"') == 2
    assert html.count('class="other"') == 1


def test_no_face(compare: Comparer, photos: Photos) -> None:
    answer = compare(upload(photos.two_people), upload(photos.coffee))
    refusal(answer, text.no_face("second"))
    assert "2 faces found." in answer[1]  # and not that one of them was compared
    assert answer[0]["right"]["status"] == "no_face"


def test_missing_photos(compare: Comparer, photos: Photos) -> None:
    refusal(compare(None, None), text.missing("first"), text.missing("second"))
    refusal(compare(upload(photos.darker), {"path": None}), text.missing("second"))


def test_a_photo_that_was_swept_meanwhile(compare: Comparer, photos: Photos, tmp_path: Path) -> None:
    refusal(compare(upload(tmp_path / "gone.jpg"), upload(photos.darker)), text.gone("first"))


def test_a_file_that_is_too_large_is_not_read(compare: Comparer, photos: Photos, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(photos.astronaut.read_bytes())
    os.truncate(large, MAX_BYTES + 1)
    sentence = (
        "The second photo is a file of 20.0 MB, and at most 20 MB are accepted. Save it smaller, or choose another."
    )
    refusal(compare(upload(photos.darker), upload(large)), sentence)
    os.truncate(large, MAX_BYTES)
    assert compare(upload(photos.darker), upload(large))[0]["verdict"] == "same"


def test_an_unreadable_file_is_named_by_its_place_alone(compare: Comparer, photos: Photos) -> None:
    answer = compare(upload(photos.text), upload(photos.astronaut))
    assert answer[0]["why_not"].startswith("The first photo is a text file or something unknown, not a photo")
    assert answer[0]["left"]["status"] == "unreadable"
    assert str(photos.text.parent) not in answer[0]["why_not"]
    assert "notes" not in json.dumps(answer)


def test_a_model_without_calibration_gives_a_score(recognizer: FaceRecognizer, photos: Photos, tmp_path: Path) -> None:
    plain = FaceRecognizer(replace(recognizer.model, calibration=None), device="cpu")
    details, html = Comparer(Models.of(plain), tmp_path)(upload(photos.astronaut), upload(photos.darker))
    assert details["score"] > 0.5
    assert details["verdict"] is details["probability"] is details["threshold"] is None
    assert text.ONLY_A_SCORE in html
    assert "python -m eval.calibrate" in html
    assert "strangers" not in html


def key(html: str) -> str:
    """By which the page asks for more about the pair that it shows."""
    (found,) = re.findall(r'data-key="([^"]+)"', html)
    return found


def test_another_face_is_compared_on_request(compare: Comparer, recognizer: FaceRecognizer, photos: Photos) -> None:
    for number in (0, 1):
        details, html = compare(upload(photos.two_people), upload(photos.astronaut), number)
        assert details == recognizer.compare(photos.two_people, photos.astronaut, face=(number, 0)).to_dict()
        assert html.count('aria-pressed="true"') == 1
        assert f'data-face="{number}" aria-pressed="true"' in html
    assert details["verdict"] == "same"
    assert "2 faces found, number 2 by size was compared." in html
    back, _ = compare(upload(photos.astronaut), upload(photos.two_people), 0, 1)
    assert back["score"] == pytest.approx(details["score"], abs=1e-5)


def test_faces_are_chosen_without_the_photo(compare: Comparer, photos: Photos, tmp_path: Path) -> None:
    """What was found at first is enough: the upload may be gone, and nothing is searched again."""
    copy = tmp_path / "two.jpg"
    copy.write_bytes(photos.two_people.read_bytes())
    first, html = compare(upload(copy), upload(photos.astronaut))
    copy.unlink()
    expected, _ = compare(upload(photos.two_people), upload(photos.astronaut), 1)
    answer = compare.choose(key(html), "first", 1, "balanced")
    assert answer is not None
    assert answer[0] == expected
    assert key(answer[1]) == key(html)
    again = compare.choose(key(html), "first", 0, "balanced")
    assert again == (first, html)  # the same files too, so that no picture flickers


def test_a_face_chosen_before_stays_when_another_photo_s_is_chosen(compare: Comparer, photos: Photos) -> None:
    _, html = compare(upload(photos.two_people), upload(photos.two_people))
    compare.choose(key(html), "first", 1, "balanced")
    answer = compare.choose(key(html), "second", 1, "balanced")
    assert answer is not None
    assert answer[0]["score"] == pytest.approx(1, abs=1e-5)
    assert answer[1].count('data-face="1" aria-pressed="true"') == 2


@pytest.mark.parametrize(
    ("side", "number"), [("first", 2), ("first", -1), ("first", True), ("first", "1"), ("third", 0), (None, None)]
)
def test_a_choice_that_is_none_changes_nothing(compare: Comparer, photos: Photos, side: object, number: object) -> None:
    _, html = compare(upload(photos.two_people), upload(photos.astronaut))
    assert compare.choose(key(html), side, number, "balanced") is None
    assert compare.rejudge(key(html), "balanced") is not None


def test_a_face_that_is_not_there_is_said(compare: Comparer, photos: Photos) -> None:
    answer = compare(upload(photos.two_people), upload(photos.astronaut), 2)
    refusal(answer, "There is no face number 2 in the first photo: faces 0 to 1 can be chosen, 0 being the largest.")
    assert answer[1].count('class="other"') == 2  # they are still shown
    answer = compare(upload(photos.two_people), upload(photos.astronaut), 0, 1)
    refusal(answer, "There is no face number 1 in the second photo: one face was found, number 0.")
    assert compare(upload(photos.astronaut), upload(photos.darker), 0.0, None)[0]["verdict"] == "same"
    for number in (-1, 1.5, "1", [], True):
        refusal(compare(upload(photos.astronaut), upload(photos.darker), number), text.no_face_number("first"))


def test_strictness_moves_the_threshold_and_nothing_else(compare: Comparer, photos: Photos) -> None:
    balanced, html = compare(upload(photos.astronaut), upload(photos.hopper))
    for name, setting in compare.models.default.settings.items():
        answer, view = compare(upload(photos.astronaut), upload(photos.hopper), strictness=name)
        assert answer == balanced | {"threshold": setting.threshold, "verdict": setting.verdict(balanced["score"])}
        again = compare.rejudge(key(html), name)
        assert again is not None
        assert again[0] == answer
        assert text_scale.same_from(setting.threshold) in again[1]
        assert text_scale.same_from(setting.threshold) in view
    assert compare.rejudge(key(html), None) == (balanced, html)


def test_another_face_is_judged_by_the_chosen_strictness(compare: Comparer, photos: Photos) -> None:
    _, html = compare(upload(photos.two_people), upload(photos.hopper))
    answer = compare.choose(key(html), "first", 1, "fewer misses")
    assert answer is not None
    assert answer[0]["threshold"] == compare.models.default.settings["fewer misses"].threshold


@pytest.mark.parametrize("strictness", ["", "very", 1, [], {}])
def test_an_unknown_strictness_is_refused(compare: Comparer, photos: Photos, strictness: object) -> None:
    sentence = "This model can be asked for one of: fewer false matches, balanced, fewer misses."
    with pytest.raises(UnknownChoice) as error:
        compare(upload(photos.astronaut), upload(photos.darker), strictness=strictness)
    assert str(error.value) == sentence


@pytest.fixture
def several(recognizer: FaceRecognizer, open_recognizer: FaceRecognizer, tmp_path: Path) -> Comparer:
    return Comparer(Models.of(recognizer, open_recognizer), tmp_path / "uploads")


def test_another_model_judges_the_same_faces(
    several: Comparer, recognizer: FaceRecognizer, open_recognizer: FaceRecognizer, photos: Photos
) -> None:
    first, html = several(upload(photos.two_people), upload(photos.astronaut), 1)
    other = several.rejudge(key(html), "fewer misses", "resnet18-open")
    assert other is not None
    asked, _ = several(upload(photos.two_people), upload(photos.astronaut), 1, 0, "fewer misses", "resnet18-open")
    assert other[0] == asked
    assert (first["model"], asked["model"]) == ("resnet18", "resnet18-open")
    for answer, one in ((first, recognizer), (asked, open_recognizer)):
        library = one.compare(photos.two_people, photos.astronaut, face=(1, 0))
        assert answer["score"] == pytest.approx(library.score, abs=1e-5)
    assert asked["score"] != first["score"]
    assert asked["threshold"] == several.models.pick("resnet18-open").settings["fewer misses"].threshold
    # What is asked next is answered by the model whose answer is shown.
    assert f"{key(html)}-1-0-resnet18-open" in other[1]
    assert f"{key(html)}-1-0-resnet18-open" in several.why(key(html))
    chosen = several.choose(key(html), "first", 0, "balanced")
    assert chosen is not None
    assert chosen[0] == several(upload(photos.two_people), upload(photos.astronaut), model="resnet18-open")[0]
    again = several.choose(key(html), "first", 1, "balanced")
    back = several.rejudge(key(html), "balanced", "resnet18")
    assert again is not None
    assert back == (first, html)


def test_a_model_that_is_not_there_is_refused(several: Comparer, photos: Photos) -> None:
    _, html = several(upload(photos.astronaut), upload(photos.darker))
    for unknown in ("", "other", 1, []):
        for ask in (
            lambda unknown=unknown: several(upload(photos.astronaut), None, model=unknown),
            lambda unknown=unknown: several.rejudge(key(html), "balanced", unknown),
        ):
            with pytest.raises(UnknownChoice, match="one of these models: resnet18, resnet18-open"):
                ask()


def test_a_model_that_takes_faces_in_another_way_does_not_judge_these(
    recognizer: FaceRecognizer, photos: Photos, tmp_path: Path
) -> None:
    whole = FaceRecognizer(replace(recognizer.model, directory=tmp_path / "whole"), align="none", device="cpu")
    compare = Comparer(Models.of(recognizer, whole), tmp_path)
    _, html = compare(upload(photos.astronaut), upload(photos.darker))
    assert compare.rejudge(key(html), "balanced", "whole") is None
    assert compare.rejudge(key(html), "balanced") is not None


def test_what_was_forgotten_is_not_shown_again(compare: Comparer) -> None:
    for unknown in ("", "guessed", None, 7):
        assert compare.choose(unknown, "first", 0, "balanced") is None
        assert compare.rejudge(unknown, "balanced") is None
    assert text.FORGOTTEN in compare.why("guessed")
    assert text_why.NOT_COMPARED in compare.why("")


def test_no_pixels_of_a_photo_are_remembered(compare: Comparer, photos: Photos) -> None:
    compare(upload(photos.two_people), upload(photos.astronaut))
    (entry,) = compare._recent._entries.values()
    pair = entry.value
    assert 3 * 112 * 112 * 3 < pair.size < 2 * 3 * 112 * 112 * 3
    for photo in (pair.first, pair.second):
        assert all(choice.photo is None for choice in photo.choices)
    assert pair.comparison.left.photo is pair.comparison.right.photo is None


def test_why_is_told_about_the_faces_that_are_shown(compare: Comparer, photos: Photos, tmp_path: Path) -> None:
    _, html = compare(upload(photos.astronaut), upload(photos.darker))
    before = set((tmp_path / "uploads").iterdir())
    why = compare.why(key(html))
    assert "hiding a part lowers it by up to 0." in why
    assert "the nose" in why
    assert text_why.METHOD in why
    pictures = set((tmp_path / "uploads").iterdir()) - before
    assert len(pictures) == 2
    assert all(f"gradio_api/file={path}" in why for path in pictures)
    assert re.findall(r'data-about="([^"]+)"', why) == re.findall(r'data-about="([^"]+)"', html)
    assert why.count('alt="Map over the face from the ') == 2


def test_there_is_no_why_without_a_score(compare: Comparer, photos: Photos) -> None:
    _, html = compare(upload(photos.astronaut), upload(photos.coffee))
    assert text_why.NOT_COMPARED in compare.why(key(html))


def test_warnings_name_the_photo_and_what_is_wrong(compare: Comparer, photos: Photos, tmp_path: Path) -> None:
    with Image.open(photos.astronaut) as image:
        image.resize((80, 80)).save(tmp_path / "small.png")
    _, html = compare(upload(photos.astronaut), upload(tmp_path / "small.png"))
    (trust,) = re.findall(r'<section class="fc-trust fc-doubt">(.*?)</section>', html)
    assert "<b>Second photo</b> The face is small: " in trust
    assert "pixels between the eyes, where 24 or more are wanted." in trust
    assert "First photo" not in trust


def test_a_hidden_face_is_told_of_the_photo_and_the_face_that_is_compared(
    compare: Comparer, photos: Photos, masked: np.ndarray, hopper_path: Path, tmp_path: Path
) -> None:
    with Image.open(hopper_path) as image:
        hopper = np.asarray(image.convert("RGB"))
    Image.fromarray(np.concatenate([hopper[:512], masked], axis=1)).save(tmp_path / "two.png")
    warnings = "<li><b>{} photo</b> The face seems to be partly hidden.</li>"
    for first, second, side in (("two.png", "", "first"), ("", "two.png", "second")):
        paths = [tmp_path / name if name else photos.astronaut for name in (first, second)]
        _, html = compare(upload(paths[0]), upload(paths[1]))
        assert "partly hidden" not in html  # the larger face is Hopper's, which is bare
        chosen = compare.choose(key(html), side, 1, "balanced")
        assert chosen is not None
        assert warnings.format(side.capitalize()) in chosen[1]
        assert chosen[1].count("partly hidden") == 1
        stricter = compare.rejudge(key(html), "fewer false matches")
        assert stricter is not None
        assert stricter[1].count("partly hidden") == 1
        back = compare.choose(key(html), side, 0, "balanced")
        assert back is not None
        assert "partly hidden" not in back[1]


def test_good_photos_are_not_warned_of(compare: Comparer, photos: Photos, tmp_path: Path) -> None:
    _, html = compare(upload(photos.astronaut), upload(photos.darker))
    assert '<section class="fc-trust fc-fine">' in html
    assert text_trust.nothing_found(whole=False) in html
    assert text_trust.look_alikes("same") in html
    Image.open(photos.hopper).convert("L").save(tmp_path / "grey.png")
    _, html = compare(upload(photos.astronaut), upload(tmp_path / "grey.png"))
    assert "Different people" in html
    assert "relatives" not in html


def test_limits_of_the_model_s_own_file_hold(recognizer: FaceRecognizer, photos: Photos, tmp_path: Path) -> None:
    strict = {"format_version": 1, "limits": {"sharpness": 1.0}, "measured_on": "this test"}
    (tmp_path / "quality.json").write_text(json.dumps(strict))
    own = FaceRecognizer(replace(recognizer.model, directory=tmp_path), device="cpu")
    _, html = Comparer(Models.of(own), tmp_path / "uploads")(upload(photos.astronaut), upload(photos.darker))
    assert html.count("The face is blurred.") == 2
    narrow = strict | {"hidden": {"direction": [1.0, 2.0], "offset": 0.5}}
    (tmp_path / "quality.json").write_text(json.dumps(narrow))
    with pytest.raises(ModelError, match=r"quality\.json: .* has 2 numbers, but the model's features have 512"):
        Comparer(Models.of(own), tmp_path / "uploads")
    (tmp_path / "quality.json").write_text("{")
    with pytest.raises(ModelError, match=r"quality\.json"):
        Comparer(Models.of(own), tmp_path / "uploads")


def test_whole_photos_can_be_explained_too(recognizer: FaceRecognizer, photos: Photos, tmp_path: Path) -> None:
    whole = FaceRecognizer(recognizer.model, align="none", device="cpu")
    compare = Comparer(Models.of(whole), tmp_path)
    details, html = compare(upload(photos.astronaut), upload(photos.darker))
    assert details["left"]["faces_found"] == 0
    assert "The whole photo was compared." in html
    assert "between the eyes" not in html
    assert "partly hidden" not in html  # that is known of aligned faces alone
    assert "the eyes" not in compare.why(key(html))
    refusal(compare(upload(photos.astronaut), upload(photos.darker), 1), text.no_face_chosen_from("first"))
