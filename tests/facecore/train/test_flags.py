import pytest

from facecore.train.__main__ import parser
from facecore.train.flags import RECIPES, fill_defaults
from facecore.train.run import LIMITS, check_numbers

WORDS = ["data", "--out", "run", "--recipe"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_sets_what_was_not_given(recipe: str) -> None:
    flags = fill_defaults(parser().parse_args([*WORDS, recipe, "--lr", "0.5"]))
    assert flags.lr == 0.5
    for name, value in RECIPES[recipe].items():
        assert name == "lr" or getattr(flags, name) == value
    check_numbers(flags)


def test_another_optimiser_brings_its_own_rate_and_decay() -> None:
    flags = fill_defaults(parser().parse_args([*WORDS, "distill", "--optimizer", "adamw"]))
    assert (flags.optimizer, flags.lr, flags.momentum, flags.weight_decay) == ("adamw", 1e-3, 0.9, 0.05)
    given = fill_defaults(parser().parse_args([*WORDS, "best", "--optimizer", "adamw", "--lr", "0.5"]))
    assert (given.lr, given.weight_decay, given.warmup_steps) == (0.5, 0.05, 100)
    assert fill_defaults(parser().parse_args([*WORDS, "best", "--optimizer", "sgd"])).lr == 0.1


def test_the_reference_recipe_is_the_published_one() -> None:
    flags = fill_defaults(parser().parse_args([*WORDS, "reference"]))
    assert (flags.batch_size, flags.workers, flags.epochs, flags.validate_every) == (64, 4, 15, 2)
    assert (flags.lr, flags.schedule, flags.decay) == (0.15, "exponential", 0.85)
    assert (flags.momentum, flags.weight_decay, flags.max_gradient_norm, flags.warmup_steps) == (0, 0, 0, 0)
    assert (flags.preset, flags.size, flags.augment, flags.head, flags.shortcut) == (
        "reference", 224, "none", "softmax", "every",
    )  # fmt: skip


def test_epochs_put_the_phases_of_a_recipe_aside() -> None:
    flags = fill_defaults(parser().parse_args([*WORDS, "distill", "--epochs", "3"]))
    assert flags.epochs == 3
    assert flags.phases is None


@pytest.mark.parametrize("name", LIMITS)
def test_numbers_out_of_range_are_named(name: str) -> None:
    flags = fill_defaults(parser().parse_args([*WORDS, "best"]))
    setattr(flags, name, LIMITS[name][0] - 1)
    with pytest.raises(ValueError, match=f"--{name.replace('_', '-')} must be"):
        check_numbers(flags)


@pytest.mark.parametrize("word", ["0", "-3", "many", "1.5"])
def test_a_batch_size_is_a_number_or_auto(word: str) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([*WORDS, "best", "--batch-size", word])
    assert parser().parse_args([*WORDS, "best", "--batch-size", "auto"]).batch_size == "auto"


def test_help_states_each_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "0.15 for reference, 0.1 for best, 0.15 for distill" in text
    assert "(default 64)" in text
