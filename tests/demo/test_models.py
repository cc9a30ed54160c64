from dataclasses import replace
from pathlib import Path

import pytest

from demo import text_models
from demo.models import Models, UnknownChoice, load
from facecore.errors import ModelError
from facecore.pretrained import WEIGHTS, bundled_models
from facecore.recognizer import FaceRecognizer


def test_all_that_are_bundled_are_loaded_behind_one_detector() -> None:
    models = load(bundled_models())
    assert models.names == ["resnet18", "resnet18-open"]
    assert len({id(offer.recognizer.detector) for offer in models}) == 1
    assert [offer.licence for offer in models] == ["non-commercial-research", "cc-by-4.0"]
    for offer in models:
        made = offer.spec.make()
        assert (made.model.digest, made.preparer.version) == (
            offer.recognizer.model.digest,
            offer.recognizer.preparer.version,
        )


def test_one_is_picked_by_its_name(recognizer: FaceRecognizer, open_recognizer: FaceRecognizer) -> None:
    models = Models.of(recognizer, open_recognizer)
    assert models.pick(None) is models.pick("resnet18") is models.default
    assert models.pick("resnet18-open").recognizer is open_recognizer
    for unknown in ("", "other", 1, ["resnet18"], {}):
        with pytest.raises(UnknownChoice, match=r"one of these models: resnet18, resnet18-open\."):
            models.pick(unknown)


def test_names_that_cannot_be_told_apart_are_refused(recognizer: FaceRecognizer, tmp_path: Path) -> None:
    (tmp_path / "resnet18").symlink_to(WEIGHTS / "resnet18")
    with pytest.raises(ModelError, match=r"the same name \(resnet18, resnet18\): rename"):
        load(["resnet18", str(tmp_path / "resnet18")])
    other = FaceRecognizer(replace(recognizer.model, calibration=None), device="cpu")
    assert Models.of(other).default.settings == {}


def test_terms_are_told() -> None:
    assert text_models.choice("resnet18", "non-commercial-research") == "resnet18 (non-commercial)"
    assert text_models.choice("mine", "mit") == "mine (mit)"
    told = text_models.licences({"resnet18": "non-commercial-research", "mine": ""})
    assert "resnet18: for non-commercial research only, mine: no licence named." in told
