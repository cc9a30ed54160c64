import numpy as np
import pandas as pd
import pytest

from eval.report.sample import find_identities, make_sample
from eval.report.thresholds import choose_threshold, from_record
from facecore.verification.metrics import best_accuracy, threshold_at_far


def test_the_record_gives_its_threshold() -> None:
    found = from_record({"threshold": 0.4, "model": {"name": "resnet18"}})
    assert found.value == 0.4
    assert "resnet18" in found.source
    for record in (None, {}, {"threshold": None}, {"threshold": True}):
        assert from_record(record).value is None
        assert "--threshold" in from_record(record).source


def test_a_threshold_is_chosen_by_each_rule(table: pd.DataFrame) -> None:
    sample = make_sample(table, find_identities(table))
    by_far = choose_threshold(sample, "far", 0.1, 1, "dev.csv")
    assert by_far.value == threshold_at_far(sample.scores[~sample.same], 0.1).threshold
    assert by_far.source == "the one at FAR 0.1 on dev.csv"
    assert not by_far.warning
    assert "few" in choose_threshold(sample, "far", 0.01, 1, "dev.csv").warning
    best = choose_threshold(sample, "accuracy", 0.1, 1, "dev.csv")
    assert best.value == best_accuracy(sample.scores, sample.same).threshold
    at_eer = choose_threshold(sample, "eer", 0.1, 1, "dev.csv").value
    assert at_eer is not None
    far, frr = (sample.scores[~sample.same] >= at_eer).mean(), (sample.scores[sample.same] < at_eer).mean()
    assert far == pytest.approx(frr, abs=1 / 400)


def test_a_threshold_of_distances_is_a_distance(table: pd.DataFrame) -> None:
    distances = table.assign(score=1 - table["score"])
    sample = make_sample(distances, find_identities(distances), distance=True)
    found = choose_threshold(sample, "far", 0.1, -1, "dev.csv").value
    impostors = distances.loc[~distances["label"].astype(bool), "score"]
    assert (impostors <= found).sum() == 40


def test_lists_that_carry_no_threshold_are_refused(table: pd.DataFrame) -> None:
    genuine = table[table["label"]]
    with pytest.raises(ValueError, match="dev.csv: FAR 0.001 needs at least 1,000 impostor pairs"):
        choose_threshold(make_sample(table, find_identities(table)), "far", 1e-3, 1, "dev.csv")
    with pytest.raises(ValueError, match="no impostor pairs"):
        choose_threshold(make_sample(genuine, find_identities(genuine)), "eer", 1e-3, 1, "dev.csv")
    failed = table.assign(score=np.nan)
    with pytest.raises(ValueError, match="no scored pairs"):
        choose_threshold(make_sample(failed, find_identities(failed)), "far", 0.1, 1, "dev.csv")
    table.loc[~table["label"].astype(bool), "score"] = np.nan
    with pytest.raises(ValueError, match="every scored pair is accepted"):
        choose_threshold(make_sample(table, find_identities(table)), "far", 0.1, 1, "dev.csv")
