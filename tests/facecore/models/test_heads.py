import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from facecore.models.heads import HEADS, AdaFace, ArcFace, CosFace, MarginHead, SoftmaxHead, make_head

DIM, CLASSES = 6, 5
MARGIN_HEADS = HEADS[1:]
TrueCosine = Callable[[Tensor, float], Tensor]


def _margin_head(name: str, scale: float = 1.0, margin: float | None = None, subcentres: int = 1) -> MarginHead:
    torch.manual_seed(0)
    head = make_head(name, DIM, CLASSES, scale=scale, margin=margin, subcentres=subcentres)
    assert isinstance(head, MarginHead)
    return head


def _batch(head: MarginHead, count: int = 40) -> tuple[Tensor, Tensor]:
    """Embeddings of all lengths at all angles to their classes, some of which are not known."""
    random = torch.Generator().manual_seed(1)
    labels = torch.randint(0, CLASSES, (count,), generator=random)
    centres = F.normalize(head.weight.detach()).view(CLASSES, head.subcentres, DIM)[:, 0][labels]
    sign = torch.where(torch.arange(count) % 2 == 0, 1.0, -1.0).unsqueeze(1)
    spread = torch.linspace(0.02, 2, count).unsqueeze(1)
    direction = F.normalize(sign * centres + spread * torch.randn(count, DIM, generator=random))
    labels[::4] = -1
    return direction * torch.linspace(0.1, 9, count).unsqueeze(1)[torch.randperm(count, generator=random)], labels


def _quality(lengths: list[float], known: list[bool]) -> list[float]:
    """How long an embedding is among the labelled ones of its batch, -1..1."""
    chosen = [length for length, is_known in zip(lengths, known, strict=True) if is_known]
    mean = sum(chosen) / len(chosen)
    std = math.sqrt(sum((length - mean) ** 2 for length in chosen) / len(chosen))
    return [min(1.0, max(-1.0, 0.333 * (length - mean) / (std + 1e-3))) for length in lengths]


def _true_cosine(name: str, margin: float) -> TrueCosine:
    """The papers' formulas, over the angle itself."""
    if name == "cosface":
        return lambda angle, quality: angle.cos() - margin
    radians = margin / 180 * math.pi
    if name == "adaface":
        return lambda angle, quality: (
            (angle - radians * quality).clamp(0, math.pi).cos() - (radians * quality + radians)
        )

    def arcface(angle: Tensor, quality: float) -> Tensor:
        if angle + radians < math.pi:
            return (angle + radians).cos()
        return angle.cos() - radians * math.sin(math.pi - radians)

    return arcface


def _slow(head: MarginHead, embedding: Tensor, weight: Tensor, labels: Tensor, true: TrueCosine) -> Tensor:
    """The logits one by one in float64."""
    centres = weight.view(CLASSES, head.subcentres, DIM)
    qualities = _quality([float(row.detach().norm()) for row in embedding], (labels >= 0).tolist())
    rows = []
    for row, label, quality in zip(embedding, labels.tolist(), qualities, strict=True):
        logits = []
        for number in range(CLASSES):
            candidates = [
                (row @ centre) / (row.square().sum() * centre.square().sum()).sqrt() for centre in centres[number]
            ]
            angle = torch.acos(torch.stack(candidates).max())
            logits.append(true(angle, quality) if number == label else angle.cos())
        rows.append(torch.stack(logits) * head.scale)
    return torch.stack(rows)


@pytest.mark.parametrize("subcentres", [1, 3])
@pytest.mark.parametrize(("name", "margin"), [("arcface", 28.6), ("cosface", 0.35), ("adaface", 22.9), ("arcface", 60)])
def test_agrees_with_a_slow_version_in_float64(name: str, margin: float, subcentres: int) -> None:
    head = _margin_head(name, scale=3, margin=margin, subcentres=subcentres)
    embedding, labels = _batch(head)
    slow_embedding = embedding.double().requires_grad_()
    slow_weight = head.weight.detach().double().requires_grad_()
    expected = _slow(head, slow_embedding, slow_weight, labels, _true_cosine(name, margin))
    embedding.requires_grad_()
    logits = head(embedding, labels)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits.double(), expected, atol=2e-5, rtol=0)
    picks = torch.randn(logits.shape, generator=torch.Generator().manual_seed(2))
    (logits * picks).sum().backward()
    (expected * picks).sum().backward()
    assert embedding.grad is not None
    assert head.weight.grad is not None
    torch.testing.assert_close(embedding.grad.double(), slow_embedding.grad, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(head.weight.grad.double(), slow_weight.grad, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_the_defaults_are_those_of_the_papers(name: str) -> None:
    given = {"arcface": math.degrees(0.5), "cosface": 0.35, "adaface": math.degrees(0.4)}[name]
    head = _margin_head(name)
    assert head.margin == pytest.approx(given, abs=0.05)
    exact = _margin_head(name, margin=given)
    embedding, labels = _batch(head)
    torch.testing.assert_close(head(embedding, labels), exact(embedding, labels), atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_gradients_are_finite_where_embedding_and_class_are_parallel(name: str) -> None:
    head = _margin_head(name, scale=64)
    labels = torch.arange(CLASSES).repeat(2)
    sign = torch.tensor([1.0] * CLASSES + [-1.0] * CLASSES).unsqueeze(1)
    embedding = (sign * head.weight.detach().repeat(2, 1)).requires_grad_()
    cosines = head.cosines(embedding).gather(1, labels.unsqueeze(1))
    torch.testing.assert_close(cosines, sign, atol=1e-6, rtol=0)
    F.cross_entropy(head(embedding, labels), labels).backward()
    for gradient in (embedding.grad, head.weight.grad):
        assert gradient is not None
        assert gradient.isfinite().all()
        assert gradient.abs().max() < 1e6


@pytest.mark.parametrize("name", MARGIN_HEADS)
@pytest.mark.parametrize("length", [0.0001, 10, 10000])
def test_the_logit_of_the_true_class_falls_with_the_angle_and_lies_below_the_cosine(name: str, length: float) -> None:
    head = make_head(name, 2, 2, scale=1).eval()
    assert isinstance(head, MarginHead)
    if isinstance(head, AdaFace):
        head.length_mean.fill_(10)
        head.length_std.fill_(1)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    angles = torch.linspace(0, math.pi, 721)
    embedding = length * torch.stack([angles.cos(), angles.sin()], dim=1)
    logits = head(embedding, torch.zeros(721, dtype=torch.int64))[:, 0]
    assert (logits.diff() <= 1e-6).all()
    assert (logits <= angles.cos() + 1e-5).all()
    assert logits[-1] < logits[0] - 1


@pytest.mark.parametrize("subcentres", [1, 2])
@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_without_a_share_of_the_margin_it_is_the_scaled_cosine(name: str, subcentres: int) -> None:
    head = _margin_head(name, scale=7, subcentres=subcentres)
    embedding, labels = _batch(head)
    torch.testing.assert_close(head(embedding, labels, 0.0), 7 * head.cosines(embedding))
    torch.testing.assert_close(head.scores(embedding), 7 * head.cosines(embedding))


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_half_the_share_is_half_the_margin(name: str) -> None:
    whole = _margin_head(name)
    half = _margin_head(name, margin=whole.margin / 2)
    embedding, labels = _batch(whole)
    torch.testing.assert_close(whole(embedding, labels, 0.5), half(embedding, labels))
    assert not torch.allclose(whole(embedding, labels), half(embedding, labels))


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_where_the_label_is_unknown_there_is_no_margin(name: str) -> None:
    head = _margin_head(name)
    embedding, labels = _batch(head)
    plain, logits = head.cosines(embedding), head(embedding, labels)
    torch.testing.assert_close(logits[labels < 0], plain[labels < 0])
    others = torch.ones_like(plain, dtype=torch.bool)
    others[labels >= 0, labels[labels >= 0]] = False
    torch.testing.assert_close(logits[others], plain[others])
    assert (logits[~others] < plain[~others]).all()


@pytest.mark.parametrize("name", HEADS)
def test_half_precision_is_computed_in_float32(name: str) -> None:
    head = make_head(name, DIM, CLASSES).eval()
    embedding = torch.randn(8, DIM).bfloat16()
    labels = torch.arange(8) % CLASSES
    with torch.autocast("cpu", torch.bfloat16):
        logits, scores = head(embedding, labels), head.scores(embedding)
    assert logits.dtype == scores.dtype == torch.float32
    torch.testing.assert_close(logits, head(embedding.float(), labels))
    torch.testing.assert_close(scores, head.scores(embedding.float()))


@pytest.mark.parametrize("name", HEADS)
def test_nothing_is_read_back_from_the_device(name: str) -> None:
    with FakeTensorMode():  # tensors without values: to ask for one is an error
        head = make_head(name, DIM, CLASSES)
        labels = torch.zeros(4, dtype=torch.int64)
        logits = head(torch.empty(4, DIM), labels)
        F.cross_entropy(logits, labels, ignore_index=-1).backward()
        with pytest.raises(DataDependentOutputException):
            logits.sum().item()
    assert logits.shape == (4, CLASSES)


@pytest.mark.parametrize("name", HEADS)
def test_the_linear_layer_names_the_same_classes(name: str) -> None:
    head = make_head(name, DIM, CLASSES, scale=20)
    embedding = torch.randn(200, DIM) * 5
    weight, bias = head.linear()
    assert (F.linear(embedding, weight, bias).argmax(1) == head.scores(embedding).argmax(1)).all()
    if isinstance(head, MarginHead):
        torch.testing.assert_close(weight.norm(dim=1), torch.full((CLASSES,), 20.0))
        assert not bias.any()
    assert not weight.requires_grad


def test_the_linear_layer_of_subcentres_has_the_dominant_one_of_each_class() -> None:
    head = _margin_head("arcface", scale=2, subcentres=3)
    centres = F.normalize(head.weight.detach()).view(CLASSES, 3, DIM)
    dominant = torch.tensor([2, 0, 1, 1, 2])
    classes = torch.arange(CLASSES)
    usual, rare = centres[classes, dominant], centres[classes, (dominant + 1) % 3]
    head(usual, classes)
    head(usual, classes)
    head(rare, classes)
    for unlabelled in range(4):
        head(centres[:, unlabelled % 3], torch.full((CLASSES,), -1))
    head.eval()(rare, classes)
    assert head.wins.sum(1).tolist() == [3] * CLASSES
    assert head.wins[classes, dominant].tolist() == [2] * CLASSES
    torch.testing.assert_close(head.linear()[0], 2 * usual)


def _adaface(lengths: list[float]) -> tuple[AdaFace, Tensor]:
    """A head that has seen lengths of 10 with a standard deviation of 1, and embeddings far from their class."""
    head = _margin_head("adaface").eval()
    assert isinstance(head, AdaFace)
    head.length_mean.fill_(10)
    head.length_std.fill_(1)
    direction = F.normalize(torch.randn(len(lengths), DIM))
    return head, direction * torch.tensor(lengths).unsqueeze(1)


@pytest.mark.parametrize(("length", "kind"), [(0.5, ArcFace), (10.0, CosFace)])
def test_adaface_is_arcface_for_short_embeddings_and_cosface_at_the_mean(length: float, kind: type[MarginHead]) -> None:
    head, embedding = _adaface([length] * 20)
    margin = head.margin if kind is ArcFace else math.radians(head.margin)
    other = kind(DIM, CLASSES, margin, 1.0)
    other.load_state_dict({"weight": head.weight, "wins": head.wins})
    labels = torch.arange(20) % CLASSES
    inside = head.cosines(embedding)[torch.arange(20), labels] > -math.cos(math.radians(head.margin))
    torch.testing.assert_close(head(embedding, labels)[inside], other(embedding, labels)[inside], atol=1e-5, rtol=0)
    assert inside.sum() > 10


def test_adaface_of_long_embeddings_turns_the_other_way() -> None:
    head, embedding = _adaface([100.0] * 20)
    margin, labels = math.radians(head.margin), torch.arange(20) % CLASSES
    rows = torch.arange(20)
    angles = head.cosines(embedding)[rows, labels].acos()
    far = angles > margin
    expected = (angles - margin).cos() - 2 * margin
    torch.testing.assert_close(head(embedding, labels)[rows, labels][far], expected[far], atol=1e-5, rtol=0)
    assert far.sum() > 10


def test_adaface_follows_the_lengths_of_labelled_embeddings() -> None:
    head = AdaFace(DIM, CLASSES)
    steps = [
        torch.tensor([1.0, 2.0, 6.0, 99.0]),
        torch.tensor([4.0, 4.0, 7.0, 99.0]),
        torch.tensor([1.0, 8.0, 8.0, 9.0]),
    ]
    labels = torch.tensor([0, 1, 2, -1])
    for lengths in steps:
        head(F.normalize(torch.randn(4, DIM)) * lengths.unsqueeze(1), labels)
    means = [float(lengths[:3].mean()) for lengths in steps]
    stds = [float(lengths[:3].std(correction=0)) for lengths in steps]
    assert float(head.length_mean) == pytest.approx(sum(means) / 3)
    assert float(head.length_std) == pytest.approx(sum(stds) / 3)

    head.steps.fill_(500)
    head(F.normalize(torch.randn(4, DIM)) * steps[0].unsqueeze(1), labels)
    assert float(head.length_mean) == pytest.approx(0.99 * sum(means) / 3 + 0.01 * means[0])

    before = {name: value.clone() for name, value in head.state_dict().items()}
    head(torch.randn(4, DIM), torch.full((4,), -1))
    head.eval()(torch.randn(4, DIM), labels)
    for name, value in head.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("name", HEADS)
def test_it_learns(name: str) -> None:
    torch.manual_seed(3)
    head = make_head(name, DIM, CLASSES, subcentres=1 if name == "softmax" else 2)
    labels = torch.arange(100) % CLASSES
    embedding = torch.randn(CLASSES, DIM)[labels] * 3 + torch.randn(100, DIM) * 0.5
    optimizer = torch.optim.SGD(head.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(head(embedding, labels), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert (F.linear(embedding, *head.linear()).argmax(1) == labels).float().mean() > 0.9


def test_softmax_is_the_linear_layer_of_pytorch() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(DIM, CLASSES)
    torch.manual_seed(0)
    head = make_head("softmax", DIM, CLASSES)
    assert isinstance(head, SoftmaxHead)
    embedding = torch.randn(3, DIM)
    assert torch.equal(head(embedding, torch.tensor([0, 1, -1]), 0.5), layer(embedding))
    assert {name for name, _ in head.named_parameters()} == {"weight", "bias"}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sphereface", {}, "sphereface.*softmax, arcface, cosface, adaface"),
        ("softmax", {"margin": 10}, "softmax has no margin"),
        ("arcface", {"margin": -1}, "margin -1: give 0 to 90 degrees"),
        ("adaface", {"margin": 91}, "margin 91: give 0 to 90 degrees"),
        ("arcface", {"margin": math.nan}, "margin nan"),
        ("cosface", {"margin": 20}, "margin 20: give 0 to 1, a cosine"),
        ("cosface", {"scale": 0}, "scale 0"),
        ("cosface", {"scale": math.inf}, "scale inf"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_head(name, DIM, CLASSES, **options)


def test_numbers_of_subcentres_and_shares_and_concentrations_are_checked() -> None:
    with pytest.raises(ValueError, match="subcentres 0"):
        make_head("arcface", DIM, CLASSES, subcentres=0)
    with pytest.raises(ValueError, match="softmax has no margin and no subcentres"):
        make_head("softmax", DIM, CLASSES, subcentres=2)
    with pytest.raises(ValueError, match="margin_share 1.5"):
        make_head("arcface", DIM, CLASSES)(torch.zeros(1, DIM), torch.tensor([0]), 1.5)
    with pytest.raises(ValueError, match="concentration 0"):
        AdaFace(DIM, CLASSES, concentration=0)
