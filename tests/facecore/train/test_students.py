"""Students as a distillation begins with them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from facecore.data.pictures import Bad, HeldPictures
from facecore.errors import DataError
from facecore.models import Student
from facecore.train.recipes.distill_losses import TEACHERS, follow
from facecore.train.recipes.students import PENALTY, go_on_from, make_student, solve_head
from facecore.transforms import preset as make_preset

Targets = dict[str, np.ndarray]


@pytest.fixture
def targets() -> Targets:
    """60 embeddings of either teacher, far from the middle, some of them unknown."""
    random = np.random.default_rng(3)
    made = {name: (random.normal(0, 0.2, (60, 8)) + 1).astype(np.float32) for name in ("teacher", "teacher2")}
    made["teacher"][::4] = np.nan
    return made


@pytest.fixture
def faces() -> Tensor:
    return torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_a_student_starts_from_the_teachers_mean_and_scale() -> None:
    random = np.random.default_rng(0)
    teacher = (random.normal(0, 0.2, (500, 16)) + np.linspace(0, 1, 16)).astype(np.float32)
    partly = teacher.copy()
    partly[1::2] = np.nan
    student = make_student({"teacher": partly, "teacher2": teacher[:, :8]})
    head = student.head("teacher")
    standardised = head.standardise(torch.from_numpy(teacher[::2]))
    np.testing.assert_allclose(standardised.mean(0), 0, atol=1e-4)
    assert float(standardised.std()) == pytest.approx(1, abs=0.01)
    assert float(student.head("teacher2").scale) == 1
    assert student.weights == {"teacher": 2.0, "teacher2": 1.0}


@pytest.mark.parametrize("name", ["a.b", "", "my teacher", "keys", "training"])
def test_a_name_that_no_part_of_a_network_can_have(name: str) -> None:
    with pytest.raises(DataError, match="cannot be called"):
        make_student({name: np.ones((3, 4), np.float32)}, teachers=follow([name]))


def test_a_teacher_without_any_embedding() -> None:
    nothing = np.full((3, 4), np.nan, np.float32)
    with pytest.raises(DataError, match="teacher2 has no embedding"):
        make_student({"teacher2": nothing})


def test_going_on_keeps_what_was_learned(targets: Targets, faces: Tensor) -> None:
    before = make_student(targets).eval()
    before.weights = {"teacher": 0.6, "teacher2": 0.8}
    after = go_on_from(before, targets).eval()
    with torch.inference_mode():
        torch.testing.assert_close(after(faces), before(faces))
    alone = go_on_from(before, {"teacher2": targets["teacher2"]}).eval()
    assert alone.arguments["weights"] == {"teacher2": 0.8}
    with torch.inference_mode():
        torch.testing.assert_close(alone.parts(faces)["teacher2"], before.parts(faces)["teacher2"])


def test_a_part_that_did_not_count_counts_when_it_is_alone(targets: Targets) -> None:
    student = make_student(targets)
    student.weights = {"teacher": 0.0, "teacher2": 1.0}
    assert go_on_from(student, {"teacher": targets["teacher"]}).weights == {"teacher": 1.0}
    assert go_on_from(student, targets).weights == student.weights


def test_what_was_subtracted_after_training_is_there_again(targets: Targets) -> None:
    """The teacher's answers have it; and heads from which nothing was subtracted stay as they are."""
    student = make_student(targets)
    own = {name: student.head(name).mean.clone() for name in targets}
    for name in targets:
        student.head(name).mean -= 5
    both = go_on_from(student, targets, centred=("teacher", "teacher2"))
    for name in targets:
        torch.testing.assert_close(both.head(name).mean, own[name])
    assert own["teacher"].min() > 0.5
    assert go_on_from(student, targets, centred=("teacher2",)).head("teacher").mean.max() < 0


def test_a_new_teacher_gets_a_fresh_head(targets: Targets) -> None:
    student = go_on_from(make_student({"teacher2": targets["teacher2"]}), targets)
    assert list(student.heads) == ["teacher2", "teacher"]
    assert student.weights == {name: TEACHERS[name].weight for name in student.heads}
    np.testing.assert_allclose(student.head("teacher").mean, np.nanmean(targets["teacher"], axis=0), atol=1e-6)
    assert float(student.head("teacher").scale) == pytest.approx(float(make_student(targets).head("teacher").scale))


@pytest.mark.parametrize("name", ["teacher", "teacher2"])
def test_a_head_is_solved_as_ridge_regression_says(name: str, targets: Targets) -> None:
    """Against the normal equations in float64, over the pictures that the teacher knows."""
    images = torch.randint(0, 256, (60, 3, 64, 64), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    pictures, preset = HeldPictures(images, np.full(60, -1), str), make_preset("aligned", 64)
    student = make_student(targets)
    before = {key: value.clone() for key, value in student.state_dict().items()}
    standardise = TEACHERS[name].standardise
    solve_head(student, name, pictures, targets[name], preset, standardise, torch.device("cpu"))
    known = ~np.isnan(targets[name][:, 0])
    with torch.inference_mode():
        x = student.eval().features(preset.normalise(images[known].float() / 255)).double().numpy()
    head, y = student.head(name), targets[name][known].astype(np.float64)
    y = (y - head.mean.numpy()) / float(head.scale) if standardise else y / np.linalg.norm(y, axis=1)[:, None]
    middle, answer = x.mean(0), y.mean(0)
    centred = x - middle
    gram = centred.T @ centred + PENALTY * len(x) * np.eye(512)
    weight = np.linalg.solve(gram, centred.T @ (y - answer)).T
    np.testing.assert_allclose(head.linear.weight.detach(), weight, atol=2e-4)
    np.testing.assert_allclose(head.linear.bias.detach(), answer - weight @ middle, atol=2e-4)
    for key, value in student.state_dict().items():
        assert torch.equal(value, before[key]) != key.startswith(f"heads.{name}.linear"), key


def test_a_head_is_solved_on_no_more_pictures_than_it_is_told(targets: Targets) -> None:
    seen: list[int] = []

    class Counting(HeldPictures):
        def take(self, rows: np.ndarray) -> tuple[Tensor, np.ndarray, list[Bad]]:
            seen.extend(rows.tolist())
            return super().take(rows)

    pictures = Counting(torch.zeros(60, 3, 64, 64, dtype=torch.uint8), np.full(60, -1), str)
    student, preset = make_student(targets), make_preset("aligned", 64)
    solve_head(student, "teacher", pictures, targets["teacher"], preset, True, torch.device("cpu"), most=5)
    assert seen == [1, 15, 30, 45, 59]  # of the 45 that are known, from the first to the last


def test_targets_that_cannot_be_gone_on_with(targets: Targets) -> None:
    student: Student = make_student(targets)
    with pytest.raises(DataError, match="teacher2 have 5 numbers, the model has learned 8"):
        go_on_from(student, {"teacher2": targets["teacher2"][:, :5]})
    with pytest.raises(DataError, match="teacher2 has no embedding"):
        go_on_from(student, {"teacher2": np.full((3, 8), np.nan, np.float32)})
    with pytest.raises(DataError, match="cannot be called"):
        go_on_from(student, {"a.b": targets["teacher2"]}, follow(["a.b"]))
