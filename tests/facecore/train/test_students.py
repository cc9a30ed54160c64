"""Students as a distillation begins with them."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facecore.errors import DataError
from facecore.models import Student
from facecore.train.recipes.distill import Distillation
from facecore.train.recipes.distill_losses import TEACHERS, follow
from facecore.train.recipes.students import go_on_from, make_student

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


def test_a_new_head_says_the_mean_and_moves_the_backbone_only_later(targets: Targets, faces: Tensor) -> None:
    begun = make_student({"teacher2": targets["teacher2"]})
    student = go_on_from(begun, targets).train()
    assert list(student.heads) == ["teacher2", "teacher"]
    assert student.weights == {name: TEACHERS[name].weight for name in student.heads}
    answers = student.parts(faces)["teacher"]
    assert answers.abs().max() == 0
    mean = np.nanmean(targets["teacher"], axis=0)
    np.testing.assert_allclose(student.head("teacher").raw(answers)[0].detach(), mean, atol=1e-5)
    alone = Distillation(student, {name: torch.from_numpy(target) for name, target in targets.items()}, bank_size=16)
    alone.teachers = {"teacher": alone.teachers["teacher"]}
    loss, _ = alone(faces, torch.full((6,), -1), torch.arange(1, 7), 0)
    loss.backward()
    assert student.head("teacher").linear.weight.grad.abs().max() > 0
    assert max(p.grad.abs().max() for p in student.backbone.parameters() if p.grad is not None) == 0


def test_a_new_head_on_the_sphere_begins_as_in_a_fresh_student(targets: Targets) -> None:
    """Nothing could be learned from answers of length zero."""
    student = go_on_from(make_student({"teacher": targets["teacher"]}), targets)
    fresh = nn.Linear(512, 8)
    assert student.head("teacher2").linear.weight.abs().max() <= fresh.weight.abs().max() * 1.5
    assert student.head("teacher2").linear.weight.abs().mean() > 0.01


def test_targets_that_cannot_be_gone_on_with(targets: Targets) -> None:
    student: Student = make_student(targets)
    with pytest.raises(DataError, match="teacher2 have 5 numbers, the model has learned 8"):
        go_on_from(student, {"teacher2": targets["teacher2"][:, :5]})
    with pytest.raises(DataError, match="teacher2 has no embedding"):
        go_on_from(student, {"teacher2": np.full((3, 8), np.nan, np.float32)})
    with pytest.raises(DataError, match="cannot be called"):
        go_on_from(student, {"a.b": targets["teacher2"]}, follow(["a.b"]))
