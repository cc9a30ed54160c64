import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from demo.about import text, view
from facecore import checkpoint
from facecore.pretrained import WEIGHTS
from tests.demo.about.test_card import AGES


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WEIGHTS / "resnet18", tmp_path / "other"))


def test_the_bundled_model() -> None:
    model = checkpoint.load(WEIGHTS / "resnet18")
    html = view.render(model)
    assert model.calibration is not None
    for figures in model.calibration.evidence.values():
        assert text.pairs(figures["genuine"], figures["impostors"]) in html
        assert text.percent(figures["eer"]) in html
        assert all(text.percent(entry["tar"]) in html for entry in figures["tar_at_far"])
    assert html.count("<img") == 4
    assert model.digest in html
    assert "non-commercial-research" in html
    for line in (*text.PHOTOS, *text.USE, *text.LIMITS):
        assert line in html


def test_other_figures_are_shown_for_another_model(directory: Path) -> None:
    content = json.loads((directory / "calibration.json").read_text())
    content["evidence"] = {"<mine>": {**content["evidence"]["all"], "eer": 0.0421}}
    (directory / "calibration.json").write_text(json.dumps(content))
    (directory / "groups.csv").write_text(AGES)
    html = view.render(checkpoint.load(directory))
    assert "4.2 %" in html
    assert "&lt;mine&gt;" in html
    assert "<mine>" not in html
    assert "Of two strangers aged 0-2, 3.00 % pass for one person; of two aged 20-29, 0.05 %." in html
    assert "Young children score high" in html
    assert text.FEW in html
    assert text.AGES_NOT_MEASURED not in html


def test_what_was_not_measured_is_said(directory: Path) -> None:
    model = checkpoint.load(directory)
    (directory / "groups.csv").unlink(missing_ok=True)
    (directory / "README.md").unlink()
    (directory / "progress.json").unlink()
    bare = replace(model, calibration=None, config=replace(model.config, training={}))
    html = view.render(bare)
    for words in (text.NO_CALIBRATION, text.AGES_NOT_MEASURED, text.NO_TRAINING, text.NO_LICENCE):
        assert words in html
    assert "<img" not in html


@pytest.mark.parametrize("evidence", [{}, {"all": {}}, {"all": {"impostors": "many"}}, {"note": "by hand"}])
def test_evidence_of_another_form(directory: Path, evidence: dict[str, object]) -> None:
    content = json.loads((directory / "calibration.json").read_text())
    (directory / "calibration.json").write_text(json.dumps({**content, "evidence": evidence}))
    html = view.render(checkpoint.load(directory))
    assert text.NO_EVIDENCE in html
    assert "<img" in html
