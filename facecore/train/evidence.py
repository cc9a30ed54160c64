"""What a trained model's scores mean: calibrated on one half of the verification pairs, judged on the other."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from facecore import checkpoint
from facecore.data.parquet import VAL_SPLITS, FaceShards, read_pairs, read_shards
from facecore.errors import DataError
from facecore.files import sha256
from facecore.recognizer import FaceRecognizer
from facecore.verification.calibration import Calibration
from facecore.verification.fitting import evidence, fit
from facecore.verification.scores import cosines


def calibrate_on_shards(
    model: Path, data: Path, device: str = "auto", batch_size: int = 128, *, flip: bool = False
) -> Calibration:
    """A calibration fitted on the half "fit" of the verification pairs, with evidence from the half "test".

    The impostor pairs of all pools count together. The model is read from its directory, so that what is calibrated
    is what users get, rounded weights included.

    Args:
        model: a model directory.
        data: a folder of shards with val_pairs.parquet.
        device: where the network runs.
        batch_size: faces in one pass.
        flip: whether the mirror image of each face counts with it.

    Raises:
        ModelError: the model cannot be used.
        DataError: shards or pairs cannot be used.
    """
    recognizer = FaceRecognizer(checkpoint.load(model, flip=flip), device=device)
    shards = read_shards(data, VAL_SPLITS)
    embeddings = _embed(recognizer, shards, batch_size)
    halves = {half: scored(read_pairs(data, half), shards.ids, embeddings) for half in ("fit", "test")}
    known = halves["fit"]
    source = {"data": "val_pairs.parquet, half fit, all pools", "digest": sha256(data / "val_pairs.parquet")}
    scores, same = known["score"].to_numpy(), known["same"].to_numpy(bool)
    calibration = fit(scores[same], scores[~same], source=source)
    test = halves["test"]
    figures = evidence(calibration, test["score"].to_numpy(), test["same"].to_numpy(bool), test["pool"].to_numpy(str))
    return dataclasses.replace(calibration, evidence=figures)


def _embed(recognizer: FaceRecognizer, shards: FaceShards, batch_size: int) -> np.ndarray:
    crops = [recognizer.input.fit(face) for face in shards.images]
    batches = range(0, len(crops), batch_size)
    rows = [recognizer.encode(crops[i : i + batch_size], batch_size) for i in tqdm(batches, "embedding", unit="batch")]
    return np.concatenate(rows)


def scored(pairs: pd.DataFrame, ids: np.ndarray, embeddings: np.ndarray) -> pd.DataFrame:
    """The pairs with a column `score`, the cosine."""
    index = pd.Index(ids)
    left, right = (index.get_indexer(pd.Index(pairs[side])) for side in ("left", "right"))
    if min(left.min(), right.min()) < 0:
        raise DataError("val_pairs.parquet names a face that is in no shard: all shards of a set belong together")
    return pairs.assign(score=cosines(embeddings, left, right))
