import math
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from facecore.errors import DataError
from facecore.models import Student
from facecore.models.heads import make_head
from facecore.train.recipes.distill import BANK_SALT, Distillation
from facecore.train.recipes.distill_losses import TEACHERS, CosineLoss, RegressionLoss, Teacher, follow, masked_mean
from facecore.train.recipes.students import make_student
from facecore.train.state import step_generator

B, K, D = 3, 7, 5
COUNT, WIDTH, CLASSES = 40, 16, 4
Vectors = tuple[Tensor, Tensor, Tensor]


@pytest.fixture
def vectors() -> Vectors:
    generator = torch.Generator().manual_seed(0)
    answer, target, bank = (torch.randn(n, D, generator=generator) for n in (B, B, K))
    return answer, target, bank


def _divergence(target: list[float], answer: list[float]) -> float:
    """Kullback-Leibler divergence of two softmaxes, the slow way."""
    p = [math.exp(v) / sum(math.exp(w) for w in target) for v in target]
    q = [math.exp(v) / sum(math.exp(w) for w in answer) for v in answer]
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def _regression(answer: np.ndarray, target: np.ndarray, bank: np.ndarray) -> float:
    """The regression loss of one row, float64."""
    logits = [[-float(((side - b) ** 2).sum()) / 8 for b in bank] for side in (target, answer)]
    return float(((answer - target) ** 2).mean()) + _divergence(*logits)


def _cosine(answer: np.ndarray, target: np.ndarray, bank: np.ndarray) -> float:
    """The cosine loss of one row, float64."""

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    logits = [[16 * cosine(side, b) for b in bank] for side in (target, answer)]
    return 4 * (1 - cosine(answer, target)) + _divergence(*logits)


LOSSES = [(RegressionLoss(bandwidth=8), _regression), (CosineLoss(weight=4, sharpness=16), _cosine)]


@pytest.mark.parametrize("known", [None, [True, True, True], [True, False, True], [False, True, False]])
@pytest.mark.parametrize(("loss", "slow"), LOSSES)
def test_a_loss_is_the_mean_of_the_formula_over_the_known_rows(
    loss: RegressionLoss | CosineLoss, slow: type, known: list[bool] | None, vectors: Vectors
) -> None:
    answer, target, bank = (v.double().numpy() for v in vectors)
    rows = [slow(answer[i], target[i], bank) for i in range(B) if known is None or known[i]]
    mask = None if known is None else torch.tensor(known)
    assert float(loss(*vectors, mask)) == pytest.approx(np.mean(rows), rel=1e-4)


@pytest.mark.parametrize("loss", [RegressionLoss(), CosineLoss()])
def test_the_right_answer_costs_nothing(loss: RegressionLoss | CosineLoss, vectors: Vectors) -> None:
    answer, target, bank = vectors
    assert float(loss(target, target, bank)) == pytest.approx(0, abs=1e-5)
    assert float(loss(answer, target, bank)) > 0.5


def test_a_mean_over_nothing_is_zero_and_has_a_gradient_of_zero() -> None:
    values = torch.tensor([1.0, math.inf, 3.0], requires_grad=True)
    nothing = masked_mean(values, torch.zeros(3, dtype=torch.bool))
    nothing.backward()
    assert nothing.item() == 0
    assert values.grad is not None
    assert values.grad.tolist() == [0, 0, 0]


def test_each_teacher_is_followed_by_its_kind() -> None:
    assert follow(["teacher", "other"], "regression", shards=True) == {
        "teacher": TEACHERS["teacher"],
        "other": Teacher(1.0, True, RegressionLoss()),
    }
    # The name alone says nothing of a teacher from elsewhere.
    assert follow(["teacher"], "cosine") == {"teacher": Teacher(1.0, False, CosineLoss())}


class _Tiny(nn.Module):
    """In place of the ResNet: a linear layer over 48 pixels."""

    embedding_dim = 512

    def __init__(self, **_: object) -> None:
        super().__init__()
        self.layer = nn.Linear(48, 512)

    def embed(self, x: Tensor) -> Tensor:
        features: Tensor = self.layer(F.adaptive_avg_pool2d(x, 4).flatten(1))
        return features


def _targets(seed: int = 0) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {name: torch.randn(COUNT, WIDTH, generator=random) + 0.5 for name in ("teacher", "teacher2")}


def _tiny_student(targets: dict[str, Tensor]) -> Student:
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facecore.models.student.resnet18", _Tiny)
        student = make_student({name: target.numpy() for name, target in targets.items()})
    return student.eval()  # BatchNorm leaves each face to itself


def _objective(targets: dict[str, Tensor], label_weight: float | None = None, **more: int) -> Distillation:
    head = None if label_weight is None else make_head("cosface", 2 * WIDTH, CLASSES, margin=0.3, scale=16)
    return Distillation(
        _tiny_student(targets), targets, bank_size=32, seed=3, label_head=head, label_weight=label_weight or 0, **more
    )


def _faces(count: int = 8) -> Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(5))


UNLABELLED = torch.full((8,), -1)
ROWS = torch.tensor([4, 0, 9, 22, 39, 1, 2, 30])


def _slow_loss(objective: Distillation, targets: dict[str, Tensor], rows: Tensor, step: int) -> float:
    """What the teachers' losses must be, face by face, in float64."""
    generator = step_generator(3, step, salt=BANK_SALT)
    student = objective.student
    with torch.no_grad():
        parts = student.parts(_faces())
    total = 0.0
    for name, target in targets.items():
        known = [row for row in range(COUNT) if not math.isnan(float(target[row, 0]))]
        drawn = torch.randint(len(known), (32,), generator=generator).tolist()
        bank = np.stack([target[known[place]].double().numpy() for place in drawn])
        head, answers = student.head(name), parts[name].double().numpy()
        mean, scale = head.mean.double().numpy(), float(head.scale)
        losses = []
        for answer, row in zip(answers, rows.tolist(), strict=True):
            if row not in known:
                continue
            truth = target[row].double().numpy()
            if name == "teacher":
                losses.append(_regression(answer, (truth - mean) / scale, (bank - mean) / scale))
            else:
                losses.append(_cosine(answer * scale + mean, truth, bank))
        total += float(np.mean(losses)) if losses else 0.0
    return total


@pytest.mark.parametrize("missing", [0, 25])
@pytest.mark.parametrize("step", [0, 7])
def test_the_loss_of_a_step_is_the_formula(step: int, missing: int) -> None:
    targets = _targets()
    targets["teacher"][:missing] = math.nan
    targets["teacher2"][missing + 3 : 2 * missing] = math.nan
    objective = _objective(targets)
    loss, correct = objective(_faces(), UNLABELLED, ROWS, step)
    assert loss.dtype == correct.dtype == torch.float32
    assert loss.item() == pytest.approx(_slow_loss(objective, targets, ROWS, step), rel=1e-4)
    assert correct.item() == 0


def test_a_batch_that_a_teacher_does_not_know_moves_nothing_of_it() -> None:
    targets = _targets()
    targets["teacher"][:10] = math.nan
    objective = _objective(targets)
    loss, _ = objective(_faces(), UNLABELLED, torch.arange(8), 0)
    loss.backward()
    student = objective.student
    assert all(p.grad is None or p.grad.isfinite().all() for p in objective.parameters())
    assert not student.head("teacher").linear.weight.grad.any()
    assert student.head("teacher2").linear.weight.grad.any()
    assert loss.item() == pytest.approx(_slow_loss(objective, targets, torch.arange(8), 0), rel=1e-4)


@dataclass(frozen=True)
class _Watched(CosineLoss):
    """Remembers its banks."""

    banks: list[Tensor] = field(default_factory=list)

    def __call__(self, answer: Tensor, target: Tensor, bank: Tensor, known: Tensor | None = None) -> Tensor:
        self.banks.append(bank)
        return super().__call__(answer, target, bank, known)


def test_the_bank_depends_on_seed_and_step_alone_and_holds_known_rows() -> None:
    targets = {"teacher2": _targets()["teacher2"]}
    targets["teacher2"][::2] = math.nan
    banks = []
    for seed, step, rows in ((3, 0, ROWS), (3, 0, ROWS[:5] - 1 + (ROWS[:5] == 0)), (3, 1, ROWS), (4, 0, ROWS)):
        watched = _Watched()
        teachers = {"teacher2": Teacher(1.0, False, watched)}
        objective = Distillation(_tiny_student(targets), targets, teachers, bank_size=50, seed=seed)
        torch.rand(step + seed)  # what else draws random numbers has no part in it
        objective(_faces(len(rows)), UNLABELLED[: len(rows)], rows, step)
        banks += watched.banks
    assert banks[0].shape == (50, WIDTH)
    assert torch.equal(banks[0], banks[1])
    assert not torch.equal(banks[0], banks[2])
    assert not torch.equal(banks[0], banks[3])
    known = {tuple(row) for row in targets["teacher2"][1::2].tolist()}
    assert {tuple(row) for row in banks[0].tolist()} <= known
    assert len({tuple(row) for row in banks[0].tolist()}) > 10


def _slow_label_loss(objective: Distillation, targets: dict[str, Tensor], labels: list[int], share: float) -> float:
    """Mean CosFace loss over the labelled faces, float64."""
    weights = {"teacher": 2, "teacher2": 1}
    unit = {name: target.double() / target.double().norm(dim=1, keepdim=True) for name, target in targets.items()}
    centre = torch.cat([weights[name] * rows.mean(0) for name, rows in unit.items()]) / math.sqrt(5)
    with torch.no_grad():
        embeddings = objective.student.embed(_faces()).double() - centre
    assert objective.label_head is not None
    losses = []
    for embedding, label in zip(embeddings, labels, strict=True):
        if label < 0:
            continue
        cosines = [
            float(embedding @ w / embedding.norm() / w.norm()) for w in objective.label_head.weight.detach().double()
        ]
        logits = [16 * (c - (0.3 * share if i == label else 0)) for i, c in enumerate(cosines)]
        losses.append(math.log(sum(math.exp(v) for v in logits)) - logits[label])
    return float(np.mean(losses))


@pytest.mark.parametrize(("step", "share"), [(0, 0.25), (2, 0.75), (50, 1.0)])
def test_the_labelled_part_adds_its_weighted_mean(step: int, share: float) -> None:
    targets, labels = _targets(), [2, -1, 0, -1, -1, 3, 1, -1]
    plain, _ = _objective(targets)(_faces(), UNLABELLED, ROWS, step)
    objective = _objective(targets, 0.7, margin_warmup=4)
    loss, correct = objective(_faces(), torch.tensor(labels), ROWS, step)
    expected = 0.7 * _slow_label_loss(objective, targets, labels, share)
    assert loss.item() - plain.item() == pytest.approx(expected, rel=1e-4)
    assert objective.label_head is not None
    with torch.no_grad():
        embedding = objective.student.embed(_faces()) - objective.get_buffer("centre")
        named = objective.label_head.scores(embedding).argmax(1).tolist()
    assert correct.item() == sum(a == b for a, b in zip(named, labels, strict=True))
    right = torch.tensor([label if label >= 0 else -1 for label in named])
    assert objective(_faces(), right, ROWS, step)[1].item() == 8


def test_a_batch_without_labels_costs_what_it_costs_without_a_head() -> None:
    plain, _ = _objective(_targets())(_faces(), UNLABELLED, ROWS, 0)
    objective = _objective(_targets(), 1.0)
    loss, correct = objective(_faces(), UNLABELLED, ROWS, 0)
    assert (loss.item(), correct.item()) == (pytest.approx(plain.item()), 0)
    loss.backward()
    assert objective.label_head is not None
    assert not objective.label_head.weight.grad.any()  # there is a gradient, as several processes need it


def test_labels_reach_the_first_layer_of_a_real_backbone() -> None:
    targets = _targets()
    for target in targets.values():
        target[:8] = math.nan  # the teachers say nothing of this batch
    student = make_student({name: target.numpy() for name, target in targets.items()}).train()
    objective = Distillation(
        student, targets, bank_size=16, label_head=make_head("arcface", 2 * WIDTH, CLASSES), label_weight=1.0
    )
    faces, labels = torch.randn(4, 3, 64, 64), torch.tensor([0, 1, -1, 2])
    first = student.backbone.conv1.weight
    loss, _ = objective(faces, UNLABELLED[:4], torch.arange(4), 0)
    loss.backward()
    assert first.grad is not None
    assert not first.grad.any()
    loss, _ = objective(faces, labels, torch.arange(4), 0)
    loss.backward()
    assert first.grad.isfinite().all()
    assert first.grad.any()


def test_the_centre_is_a_constant_shift_that_leaves_distances_alone() -> None:
    targets = _targets()
    targets["teacher"][5:] = math.nan
    student = _tiny_student(targets)
    student.weights = {"teacher": 0.8, "teacher2": 0.6}  # as a student that was trained before may have them
    objective = Distillation(student, targets)
    parts = {name: student.head(name).standardise(target[:5]) for name, target in targets.items()}
    with torch.no_grad():
        perfect = student.blend(parts)
    centre = objective.get_buffer("centre")
    np.testing.assert_allclose(centre[:WIDTH], perfect[:, :WIDTH].mean(0), atol=1e-6)
    shifted = perfect - centre
    # Half the squared distance of two embeddings of length one is one minus their cosine.
    np.testing.assert_allclose(1 - torch.cdist(shifted, shifted).square() / 2, perfect @ perfect.T, atol=1e-5)


def test_targets_are_not_saved_with_the_weights() -> None:
    objective = _objective(_targets(), 1.0)
    ours = {name for name in objective.state_dict() if not name.startswith("student.")}
    assert ours == {name for name in objective.state_dict() if name.startswith("label_head.")}
    assert objective.to(torch.float64).get_buffer("target_teacher").dtype == torch.float64  # they go where it goes


def test_a_step_asks_the_device_for_nothing() -> None:
    targets = _targets()
    targets["teacher"][:10] = math.nan
    objective = _objective(targets, 1.0)
    with FakeTensorMode(allow_non_fake_inputs=True):  # tensors without values: to ask for one is an error
        loss, correct = objective(torch.empty(8, 3, 8, 8), torch.zeros(8, dtype=torch.int64), torch.zeros_like(ROWS), 0)
        loss.backward()
        with pytest.raises(DataDependentOutputException):
            correct.item()


def test_a_teacher_without_any_embedding() -> None:
    student = make_student({"teacher2": np.ones((3, 4), np.float32)})
    with pytest.raises(DataError, match="teacher2 has no embedding"):
        Distillation(student, {"teacher2": torch.full((3, 4), torch.nan)})


def test_targets_that_do_not_fit_the_student() -> None:
    targets = _targets()
    student = _tiny_student(targets)
    with pytest.raises(ValueError, match="belong together"):
        Distillation(student, {"teacher": targets["teacher"]})
    with pytest.raises(ValueError, match="belong together"):
        Distillation(student, targets, {"teacher": TEACHERS["teacher"]})
    with pytest.raises(ValueError, match=r"teacher2.*\(40, 3\).*16"):
        Distillation(student, {"teacher": targets["teacher"], "teacher2": targets["teacher2"][:, :3]})


def test_the_loss_of_a_batch_is_repeatable_and_falls_when_followed() -> None:
    targets = _targets()
    objective = _objective(targets, 0.1).train()
    labels = torch.tensor([0, 1, 2, 3, -1, -1, -1, -1])

    def loss() -> Tensor:
        value: Tensor = objective(_faces(), labels, ROWS, 0)[0]
        return value

    first = loss()
    assert loss().item() == pytest.approx(first.item(), rel=1e-5)
    optimizer = torch.optim.Adam(objective.parameters(), lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < 0.5 * first.item()
