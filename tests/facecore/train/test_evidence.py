import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from facecore.data.parquet import VAL_SPLITS, FaceShards, read_shards
from facecore.errors import DataError
from facecore.files import sha256
from facecore.pretrained import find_model
from facecore.recognizer import FaceRecognizer
from facecore.train import evidence
from facecore.train.evidence import calibrate_on_shards
from tests.tiny_shards import write_tiny_shards

MODEL = find_model("resnet18")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, crops: list[np.ndarray]) -> Path:
    return write_tiny_shards(tmp_path_factory.mktemp("shards") / "shards", crops)


@pytest.fixture
def tiny_shards(written: Path, tmp_path: Path) -> Path:
    """A copy of the shards, which are made once."""
    return Path(shutil.copytree(written, tmp_path / "shards"))


@pytest.fixture
def embeddings(tiny_shards: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, np.ndarray]:
    """Stand in for the network: each face's embedding, whose first half tells its person and whose second nothing."""
    random = np.random.default_rng(5)
    ids = read_shards(tiny_shards, VAL_SPLITS).ids
    people = random.normal(size=(2, 128))
    rows = np.stack([[*(people[face % 2] + 2 * random.normal(size=128)), *random.normal(size=128)] for face in ids])
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def embed(recognizer: FaceRecognizer, shards: FaceShards, batch_size: int) -> np.ndarray:
        np.testing.assert_array_equal(shards.ids, ids)
        return rows

    monkeypatch.setattr(evidence, "_embed", embed)
    return {int(face): row.astype(np.float64) for face, row in zip(ids, rows, strict=True)}


def _pairs(data: Path, half: str) -> pd.DataFrame:
    table = pd.read_parquet(data / "val_pairs.parquet")
    return table[table["half"] == half]


def test_one_half_is_fitted_and_the_other_is_the_evidence(tiny_shards: Path, embeddings: dict[int, np.ndarray]) -> None:
    table = pd.read_parquet(tiny_shards / "val_pairs.parquet")
    kept = (table["half"] == "fit") | (table["pool"] == "people")  # so that the halves differ
    table[kept].to_parquet(tiny_shards / "val_pairs.parquet")
    calibration = calibrate_on_shards(MODEL, tiny_shards, "cpu")
    scores = {
        half: np.array([embeddings[a] @ embeddings[b] for a, b in zip(pairs["left"], pairs["right"], strict=True)])
        for half in ("fit", "test")
        if len(pairs := _pairs(tiny_shards, half))
    }
    known = _pairs(tiny_shards, "fit")["same"].to_numpy(bool)
    impostor = np.sort(scores["fit"][~known])
    at = calibration.thresholds[1]
    assert (at.far, at.impostors, at.genuine) == (1e-3, int((~known).sum()), int(known.sum()))
    # So many impostors may pass, and the next one below may not.
    budget = int(1e-3 * impostor.size)
    assert at.false_accepts == budget
    assert impostor[-budget - 1] < at.threshold <= impostor[-budget]
    test = _pairs(tiny_shards, "test")
    figures = calibration.evidence
    assert set(figures) == {"people", "all"}
    assert figures["all"]["genuine"] + figures["all"]["impostors"] == len(test)
    assert figures["all"]["auc"] == pytest.approx(roc_auc_score(test["same"], scores["test"]), abs=1e-9)
    assert calibration.source["digest"] == sha256(tiny_shards / "val_pairs.parquet")


@pytest.mark.usefixtures("embeddings")
def test_pairs_of_faces_that_are_in_no_shard(tiny_shards: Path) -> None:
    table = pd.read_parquet(tiny_shards / "val_pairs.parquet")
    table.loc[0, "left"] = 999_999
    table.to_parquet(tiny_shards / "val_pairs.parquet")
    with pytest.raises(DataError, match="in no shard"):
        calibrate_on_shards(MODEL, tiny_shards, "cpu")
