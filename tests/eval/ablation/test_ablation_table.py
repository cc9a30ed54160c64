import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.ablation.outcomes import Course, read_course
from eval.ablation.plan import Combination
from eval.ablation.plot import draw
from eval.ablation.runs import State
from eval.ablation.table import statements, to_csv, to_markdown
from tests.eval.ablation.synthetic import row, write_run

DONE = State({}, status="done", seconds=120, peak_bytes=750_000_000)
BUDGET = "reference, 64 px, 3 epochs"


def _course(tmp_path: Path, arch: str, seconds: float, accuracies: list[float | None], seed: int = 0) -> Course:
    combination = Combination(arch, 32, seed, 0.1)
    rows = [row(epoch, seconds, value, value) for epoch, value in enumerate(accuracies, 1)]
    write_run(tmp_path / combination.folder, rows, 0.5)
    return read_course(tmp_path / combination.folder, combination, DONE)


def _broken(status: str) -> Course:
    state = State({}, status=status, reason="the loss is nan | or so")
    return read_course(Path("nowhere"), Combination("alexnet", 32, 0, 0.1), state)


def test_figures_of_a_run(tmp_path: Path) -> None:
    rows = [row(1, 40, None), row(2, 20, 0.6, 0.9), row(3, 30, 0.5, 0.95)]
    write_run(tmp_path / "run", rows, 0.45)
    course = read_course(tmp_path / "run", Combination("resnet18", 32, 0, 0.1), DONE)
    o = course.outcome
    assert o.minutes == pytest.approx(1.5, rel=1e-4)  # 40 + 20 + 30 seconds, whatever the column of seconds says
    assert (o.val_accuracy, o.best_val_accuracy, o.test_accuracy) == (0.5, 0.6, 0.45)
    assert (o.verification_auc, o.best_verification_auc) == (0.95, 0.95)
    assert o.images_per_second == pytest.approx(320 / 30, rel=1e-4)
    assert o.seconds_per_epoch == pytest.approx(30, rel=1e-4)
    assert o.accuracy_per_minute == pytest.approx(0.5 / 1.5, rel=1e-4)
    assert (o.peak_megabytes, o.wall_minutes, o.epochs) == (750, 2, 3)
    assert course.minutes == pytest.approx((1, 1.5), rel=1e-4)
    assert course.val_accuracy == (0.6, 0.5)


def test_a_run_that_diverged_later_has_a_speed_and_no_accuracy(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [row(1, 40, 0.6)])
    state = State({}, status="diverged", reason="step 12: the loss is nan", peak_bytes=10**9)
    course = read_course(tmp_path / "run", Combination("alexnet", 32, 0, 0.1), state)
    o = course.outcome
    assert (o.images_per_second, o.val_accuracy, o.accuracy_per_minute) == (8, None, None)
    assert o.reason == "step 12: the loss is nan"
    assert course.minutes == ()


def test_csv_has_a_line_for_each_run(tmp_path: Path) -> None:
    courses = [_course(tmp_path, "resnet18", 30, [0.4, 0.5]), _broken("diverged")]
    lines = list(csv.DictReader(io.StringIO(to_csv([c.outcome for c in courses]))))
    assert [(line["arch"], line["status"]) for line in lines] == [("resnet18", "done"), ("alexnet", "diverged")]
    assert float(lines[0]["accuracy_per_minute"]) == pytest.approx(0.5)
    assert (lines[1]["val_accuracy"], lines[1]["reason"]) == ("", "the loss is nan | or so")


def test_markdown(tmp_path: Path) -> None:
    courses = [_course(tmp_path, "resnet18", 30, [0.4, 0.5]), _broken("failed")]
    text = to_markdown([c.outcome for c in courses], BUDGET)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert [cell.strip() for cell in table[2].split("|")][7:9] == ["50.0%", "50.0%"]
    assert table[3].endswith("| failed: the loss is nan \\| or so |")
    assert BUDGET in text
    assert "1 of 2 runs did not reach their end" in text


def test_the_best_is_said_by_the_table(tmp_path: Path) -> None:
    quick = _course(tmp_path, "resnet18", 30, [0.4, 0.5])  # 50 % in 1 minute
    exact = _course(tmp_path, "resnet34", 60, [0.4, 0.6])  # 60 % in 2 minutes
    said = " ".join(statements([quick.outcome, exact.outcome, _broken("diverged").outcome], BUDGET))
    assert "resnet18 with batch 32 has the highest accuracy per minute: 50.0% a minute" in said
    assert f"resnet34 with batch 32 has the highest accuracy at the end ({BUDGET}): 60.0% after 2.00 minutes" in said
    assert "took 1.00 to 2.00" in said
    assert "one seed" in said


@pytest.mark.parametrize(("other", "words"), [(0.45, "no seed of another combination"), (0.55, "not told apart")])
def test_seeds_say_how_far_chance_reaches(tmp_path: Path, other: float, words: str) -> None:
    courses = [_course(tmp_path, "resnet18", 30, [value], seed) for seed, value in enumerate((0.5, 0.6))]
    courses += [_course(tmp_path, "resnet34", 30, [value], seed) for seed, value in enumerate((0.4, other))]
    said = statements([c.outcome for c in courses], BUDGET)
    assert said[1].startswith("resnet18")
    assert "55.0%" in said[1]
    assert "2 seeds reached from 50.0% to 60.0%" in said[2]
    assert words in said[2]


def test_a_combination_with_a_seed_that_diverged_is_not_the_best(tmp_path: Path) -> None:
    courses = [
        _course(tmp_path, "alexnet", 30, [0.9], 1),
        _broken("diverged"),
        _course(tmp_path, "resnet18", 30, [0.2]),
    ]
    assert statements([c.outcome for c in courses], BUDGET)[1].startswith("resnet18")


def test_nothing_is_best_without_an_accuracy(tmp_path: Path) -> None:
    said = statements([_course(tmp_path, "resnet18", 30, [None]).outcome, _broken("failed").outcome], BUDGET)
    assert said[-1].startswith("No run has a validation accuracy")


@pytest.mark.parametrize("accuracies", [[0.4, None, 0.5], [None]])
def test_the_picture(tmp_path: Path, accuracies: list[float | None]) -> None:
    courses = [_course(tmp_path, "resnet18", 30, accuracies), _broken("diverged")]
    with Image.open(io.BytesIO(draw(courses))) as picture:
        assert min(picture.size) > 400
        colours = np.asarray(picture.convert("RGB"))
    blue = (colours == (0, 0x72, 0xB2)).all(2).any()
    assert blue == (accuracies != [None])  # the line of the first architecture
