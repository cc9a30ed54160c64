import argparse
from pathlib import Path

import pytest

from eval.ablation.__main__ import read_flags
from eval.ablation.plan import Combination, Speed, budget_flags, combinations, measured_speed, parse_rates, steps_within
from facecore.train.__main__ import parser
from facecore.train.plan import Plan, parse_phases
from facecore.train.record import Row


def test_each_with_each() -> None:
    found = combinations(["resnet18", "alexnet", "resnet18"], [32, 124], [0, 1], {}, "reference")
    assert [c.folder for c in found] == [
        "resnet18-32", "resnet18-32-seed1", "resnet18-124", "resnet18-124-seed1",
        "alexnet-32", "alexnet-32-seed1", "alexnet-124", "alexnet-124-seed1",
    ]  # fmt: skip
    assert [c.lr for c in found] == [0.15] * 4 + [0.01] * 4
    found = combinations(["resnet34", "alexnet"], [32], [0], {"alexnet": 0.05}, "best")
    assert [c.lr for c in found] == [0.1, 0.05]


def test_rates() -> None:
    assert parse_rates(["alexnet=0.02", "resnet18=1e-1"]) == {"alexnet": 0.02, "resnet18": 0.1}


@pytest.mark.parametrize("word", ["alexnet", "0.1", "alexnet=", "vgg=0.1", "alexnet=0", "alexnet=inf", "alexnet=nan"])
def test_rates_that_are_none(word: str) -> None:
    with pytest.raises(ValueError, match="--lr"):
        parse_rates([word])


def _row(step: int, per_epoch: int, batch: int, speed: float) -> Row:
    return Row(step / per_epoch, step, step * batch, 64, 0.1, 1.0, None, None, None, speed, None, 0.0)


def test_speed_from_two_rows() -> None:
    # 20 steps of 32 images in 10 s, then the same in 8 s: no checkpoint is seen behind the slow start.
    slow_start = measured_speed([_row(20, 87, 32, 64.0), _row(40, 87, 32, 80.0)])
    assert (slow_start.step, slow_start.save, slow_start.steps_per_epoch) == pytest.approx((0.4, 0, 87))
    heavy = measured_speed([_row(20, 87, 32, 64.0), _row(40, 87, 32, 40.0)])  # 10 s, then 16 s
    assert (heavy.step, heavy.save) == pytest.approx((0.5, 6))


def test_the_time_of_the_steps_fits_the_budget() -> None:
    assert steps_within(1, Speed(0.5, 0, 10)) == 120
    assert steps_within(1, Speed(0.5, 5, 10)) == 60  # each epoch takes 5 s and as much again for its checkpoint
    assert steps_within(0.001, Speed(60, 0, 10)) == 1


def test_the_rate_falls_within_the_budget_as_far_as_over_the_whole_recipe() -> None:
    flags = budget_flags(1, Speed(0.5, 0, 30), 32, _given("reference"))  # 120 steps: 4 epochs
    assert flags[:4] == ["--phases", f"64:{120 * 32}", "--log-every", "30"]
    assert flags[4] == "--decay"
    decay = float(flags[5])
    plan = Plan(parse_phases([flags[1]]), 32, 0.15, 0, 0, "exponential", decay, 30)
    assert plan.steps == 120
    assert decay**4 == pytest.approx(0.85**15, rel=1e-3)
    assert plan.rate_at(119) == pytest.approx(0.15 * 0.85 ** (15 * 3 / 4), rel=1e-3)


def test_a_schedule_that_is_whole_or_was_asked_for_stays() -> None:
    speed = Speed(0.5, 0, 30)
    assert "--decay" not in budget_flags(1, speed, 32, _given("best"))
    assert "--decay" not in budget_flags(1, speed, 32, _given("reference", "--decay", "0.5"))
    assert "--decay" not in budget_flags(1, speed, 32, _given("reference", "--schedule", "cosine"))


def _given(recipe: str, *flags: str) -> argparse.Namespace:
    return read_flags(Path("data"), recipe, 64, flags)


def test_flags_of_a_combination_are_known_to_training() -> None:
    words = Combination("alexnet", 124, 3, 1e-5).flags()
    a = parser().parse_args(["data", "--recipe", "reference", "--out", "run", *words])
    assert (a.arch, a.batch_size, a.seed, a.lr) == ("alexnet", 124, 3, 1e-5)
