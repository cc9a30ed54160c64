import json
import shutil
from pathlib import Path

import pytest

from demo.about.card import read_ages, read_card, read_licence, read_progress
from facecore import checkpoint
from facecore.checkpoint import Model
from facecore.pretrained import WEIGHTS

HEAD = "by,left,right,photos,pairs,false_matches,fmr,low,high,effective_pairs,kind,few\n"
AGES = (
    HEAD
    + "age,20-29,20-29,900,40000,20,0.0005,0.0003,0.0008,30000,within,False\n"
    + "age,0-2,0-2,90,4000,120,0.03,0.02,0.04,900,within,False\n"
    + "age,more than 70,more than 70,30,400,0,0.0,0.0,0.01,300,within,True\n"
    + "age,0-2,20-29,90,4000,1,0.00025,0.0,0.001,900,across,True\n"
    + "gender,Female,Female,90,4000,1,0.00025,0.0,0.001,900,within,True\n"
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WEIGHTS / "resnet18", tmp_path / "other"))


@pytest.mark.parametrize(("name", "licence"), [("resnet18", "non-commercial-research"), ("resnet18-open", "cc-by-4.0")])
def test_what_a_bundled_model_says(name: str, licence: str) -> None:
    model = checkpoint.load(WEIGHTS / name)
    card = read_card(model)
    assert card.licence == licence
    assert model.calibration is not None
    assert card.pools == model.calibration.evidence
    progress = json.loads((WEIGHTS / name / "progress.json").read_text())
    told = {"samples": progress["samples_done"], "hours": progress["hours"]}
    assert card.training == {**model.config.training, **told}


def test_another_model_says_something_else(model: Path) -> None:
    (model / "README.md").write_text("---\nlicense: mit\n---\n# other\n")
    (model / "groups.csv").write_text(AGES)
    config = json.loads((model / "config.json").read_text())
    config["training"] = {"samples": 7}
    (model / "config.json").write_text(json.dumps(config))
    (model / "calibration.json").unlink()
    (model / "progress.json").unlink()
    card = read_card(checkpoint.load(model))
    assert (card.licence, card.pools, card.training) == ("mit", {}, {"samples": 7})
    assert card.ages is not None
    assert len(card.ages) == 3


def test_a_model_that_says_nothing(model: Path) -> None:
    (model / "README.md").unlink()
    (model / "groups.csv").unlink(missing_ok=True)
    read: Model = checkpoint.load(model)
    assert read_card(read).licence == ""
    assert read_card(read).ages is None


@pytest.mark.parametrize("content", ["", "[]", '{"samples_done": 7}', '{"samples_done": "many", "hours": 1}', "{"])
def test_a_damaged_progress_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "progress.json").write_text(content)
    assert read_progress(tmp_path / "progress.json") == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("---\nlicense: apache-2.0\n---\n", "apache-2.0"),
        ("---\nlicense: other\nlicense_name: mine\n---\n", "mine"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\nlicense: [a, b]\n---\n", ""),
        ("---\ntags: [x\n---\n", ""),
        ("---\nwords\n---\n", ""),
        ("# license: mit\n", ""),
        ("---\nlicense: mit\n", ""),
    ],
)
def test_licences(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "README.md").write_text(content)
    assert read_licence(tmp_path / "README.md") == expected


def test_ages_from_the_youngest_on(tmp_path: Path) -> None:
    (tmp_path / "groups.csv").write_text(AGES)
    ages = read_ages(tmp_path / "groups.csv")
    assert ages is not None
    assert [(age.name, age.rate, age.few) for age in ages] == [
        ("0-2", 0.03, False),
        ("20-29", 0.0005, False),
        ("more than 70", 0.0, True),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEAD,
        "by,left\nage,0-2\n",
        HEAD + "age,0-2,0-2,90,4000,120,much,0.02,0.04,900,within,False\n",
        HEAD + "age,0-2,0-2,90,4000,120,3.0,2.0,4.0,900,within,False\n",
        HEAD + "age,0-2,0-2,90,4000\n",
    ],
)
def test_groups_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "groups.csv").write_text(content)
    assert read_ages(tmp_path / "groups.csv") is None
