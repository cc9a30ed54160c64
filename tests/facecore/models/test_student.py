import numpy as np
import pytest
import torch
from torch import Tensor

from facecore.models import Student

DIMS = {"a": 8, "b": 4}


@pytest.fixture
def student() -> Student:
    torch.manual_seed(0)
    student = Student(DIMS, {"a": 2.0, "b": 1.0}).eval()
    student.head("a").mean.copy_(torch.linspace(-1, 1, 8))
    student.head("a").scale.fill_(0.3)
    return student


@pytest.fixture
def x() -> Tensor:
    return torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_cosine_is_the_weighted_mean_of_the_parts_cosines(student: Student, x: Tensor) -> None:
    with torch.inference_mode():
        embedding = student.embed(x).double().numpy()
        raw = {name: student.head(name).raw(part).double().numpy() for name, part in student.parts(x).items()}

    def cosine(m: np.ndarray) -> float:
        return float(m[0] @ m[1] / np.linalg.norm(m[0]) / np.linalg.norm(m[1]))

    assert embedding.shape == (3, 12)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-6)
    assert cosine(embedding) == pytest.approx((4 * cosine(raw["a"]) + cosine(raw["b"])) / 5, abs=1e-6)


def test_head_leads_back_to_the_teachers_space(student: Student) -> None:
    raw = torch.randn(5, 8)
    head = student.head("a")
    torch.testing.assert_close(head.raw(head.standardise(raw)), raw)
    # What is saved ends in this affine map: standardised answer and raw embedding say the same thing.
    features = torch.randn(5, 512)
    weight, bias = head.linear.weight * head.scale, head.linear.bias * head.scale + head.mean
    torch.testing.assert_close(head.raw(head(features)), features @ weight.T + bias, atol=1e-5, rtol=1e-5)


def test_heads_stay_in_float32_under_autocast(student: Student, x: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert all(part.dtype == torch.float32 for part in student.parts(x).values())
        assert student(x).dtype == torch.float32


def test_its_arguments_make_another_like_it(student: Student) -> None:
    student.weights["b"] = 0.5
    twin = Student(**student.arguments)
    twin.load_state_dict(student.state_dict())
    assert twin.weights == {"a": 2.0, "b": 0.5}


@pytest.mark.parametrize(
    ("dims", "weights"), [(DIMS, {"a": 1.0}), ({}, {}), (DIMS, {"a": -1.0, "b": 1.0}), (DIMS, {"a": 0.0, "b": 0.0})]
)
def test_weights_must_fit_the_teachers(dims: dict[str, int], weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        Student(dims, weights)


def test_with_other_heads_the_old_ones_answer_as_before(student: Student, x: Tensor) -> None:
    student.norm.running_mean.normal_()
    other = student.with_heads({"b": 4, "c": 3}, {"b": 1.0, "c": 0.5}).eval()
    dims, weights = {"b": 4, "c": 3}, {"b": 1.0, "c": 0.5}
    assert other.arguments == {"dims": dims, "weights": weights, "backbone": "resnet18", "stem": "7x7"}
    with torch.inference_mode():
        torch.testing.assert_close(other.parts(x)["b"], student.parts(x)["b"])
        assert other(x).shape == (3, 7)
    with pytest.raises(ValueError, match="the head b answers with 4 numbers, not 5"):
        student.with_heads({"b": 5}, {"b": 1.0})
    with pytest.raises(ValueError, match="a weight a teacher"):
        student.with_heads({"b": 4}, {"a": 1.0})
