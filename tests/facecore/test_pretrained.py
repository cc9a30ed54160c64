from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from facecore.errors import ModelError
from facecore.pretrained import DEFAULT_MODEL, WEIGHTS, bundled_models, find_model


def test_bundled_names_and_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_model(DEFAULT_MODEL) == WEIGHTS / DEFAULT_MODEL
    assert find_model(tmp_path) == tmp_path
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert find_model("mine") == Path("mine")


def test_the_default_comes_first() -> None:
    assert bundled_models() == ["resnet18", "resnet18-open"]
    assert {find_model(name).parent for name in bundled_models()} == {WEIGHTS}


def test_a_name_that_is_not_known_lists_those_that_are() -> None:
    with pytest.raises(ModelError, match=f"'nothing' is neither a bundled model .*{DEFAULT_MODEL}"):
        find_model("nothing")


def test_only_the_hub_form_asks_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def download(repository: str, allow_patterns: list[str]) -> str:
        asked.append(repository)
        assert not any(pattern.endswith((".bin", ".pt", ".py")) for pattern in allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(ModelError):
        find_model("someone/model")
    assert asked == []
    assert find_model("hf:someone/model") == tmp_path
    assert asked == ["someone/model"]


def test_a_download_that_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(repository: str, allow_patterns: list[str]) -> str:
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(ModelError, match="hf:someone/model could not be downloaded"):
        find_model("hf:someone/model")
