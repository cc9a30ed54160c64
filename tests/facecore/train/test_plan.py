import math

import pytest

from facecore.train.plan import Phase, Plan, parse_phases

PHASES = [Phase(64, 640), Phase(112, 320)]


def test_sizes_follow_the_samples() -> None:
    plan = Plan(PHASES, batch_size=64, learning_rate=0.1, warmup_steps=2)
    assert plan.steps == 15
    assert [plan.size_at(step) for step in (0, 9, 10, 14, 99)] == [64, 64, 112, 112, 112]


def test_the_rate_rises_then_falls_to_nothing() -> None:
    plan = Plan(PHASES, batch_size=64, learning_rate=0.1, warmup_steps=3)
    rates = [plan.rate_at(step) for step in range(plan.steps)]
    assert rates[:3] == pytest.approx([0.1 * (i + 1) / 3 * (1 + math.cos(math.pi * i / 15)) / 2 for i in range(3)])
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] < 0.002
    assert plan.rate_at(plan.steps) == pytest.approx(0)


def test_a_run_that_goes_on_warms_up_where_it_begins() -> None:
    whole = Plan(PHASES, 64, 0.1, 2)
    later = Plan(PHASES, 64, 0.1, 2, first_step=8)
    assert later.rate_at(8) == pytest.approx(whole.rate_at(8) / 2)
    assert later.rate_at(10) == pytest.approx(whole.rate_at(10))


def test_phases_from_words() -> None:
    assert parse_phases(["64:700000", "112:300000"]) == [Phase(64, 700_000), Phase(112, 300_000)]


@pytest.mark.parametrize("word", ["64", "64:", "a:b", "32:100", "64:-1", "64:1:2"])
def test_words_that_are_no_phase(word: str) -> None:
    with pytest.raises(ValueError, match="phase"):
        parse_phases([word])
