import math

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from facecore.train.recipes.distill import CosineLoss, RegressionLoss, distillation_loss, make_student

B, K, D = 3, 7, 5


@pytest.fixture
def vectors() -> tuple[Tensor, Tensor, Tensor]:
    generator = Generator().manual_seed(0)
    return tuple(torch.randn(n, D, generator=generator) for n in (B, B, K))


def _divergence(target: list[float], answer: list[float]) -> float:
    """Kullback-Leibler divergence of two softmaxes, the slow way."""
    p = [math.exp(v) / sum(math.exp(w) for w in target) for v in target]
    q = [math.exp(v) / sum(math.exp(w) for w in answer) for v in answer]
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_regression_loss_is_the_formula(vectors: tuple[Tensor, Tensor, Tensor]) -> None:
    answer, target, bank = (v.double().numpy() for v in vectors)
    expected = float(((answer - target) ** 2).mean())
    for row in range(B):
        logits = [[-float(((side[row] - b) ** 2).sum()) / 8 for b in bank] for side in (target, answer)]
        expected += _divergence(*logits) / B
    assert float(RegressionLoss(bandwidth=8)(*vectors)) == pytest.approx(expected, rel=1e-4)


def test_cosine_loss_is_the_formula(vectors: tuple[Tensor, Tensor, Tensor]) -> None:
    answer, target, bank = (v.double().numpy() for v in vectors)

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    expected = 0.0
    for row in range(B):
        logits = [[16 * cosine(side[row], b) for b in bank] for side in (target, answer)]
        expected += (4 * (1 - cosine(answer[row], target[row])) + _divergence(*logits)) / B
    assert float(CosineLoss(weight=4, sharpness=16)(*vectors)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("loss", [RegressionLoss(), CosineLoss()])
def test_the_right_answer_costs_nothing(
    loss: RegressionLoss | CosineLoss, vectors: tuple[Tensor, Tensor, Tensor]
) -> None:
    answer, target, bank = vectors
    assert float(loss(target, target, bank)) == pytest.approx(0, abs=1e-5)
    assert float(loss(answer, target, bank)) > 0.5


def test_a_student_starts_from_the_teachers_mean_and_scale() -> None:
    random = np.random.default_rng(0)
    teacher = (random.normal(0, 0.2, (500, 16)) + np.linspace(0, 1, 16)).astype(np.float32)
    student = make_student({"teacher": teacher, "teacher2": teacher[:, :8]})
    head = student.head("teacher")
    standardised = head.standardise(torch.from_numpy(teacher))
    np.testing.assert_allclose(standardised.mean(0), 0, atol=1e-4)
    assert float(standardised.std()) == pytest.approx(1, abs=0.01)
    assert float(student.head("teacher2").scale) == 1
    assert student.weights == {"teacher": 2.0, "teacher2": 1.0}


def test_the_loss_of_a_batch_is_repeatable_and_falls_when_followed() -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    targets = {name: random.normal(0, 1, (40, 16)).astype(np.float32) for name in ("teacher", "teacher2")}
    student = make_student(targets).train()
    tensors = {name: torch.from_numpy(target) for name, target in targets.items()}
    faces, rows = torch.randn(8, 3, 64, 64), torch.arange(8)

    def loss() -> Tensor:
        return distillation_loss(student, faces, rows, tensors, 32, Generator().manual_seed(1))

    first = loss()
    assert loss().item() == pytest.approx(first.item(), rel=1e-5)
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)
    for _ in range(25):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < 0.5 * first.item()
