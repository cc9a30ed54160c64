import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.parallel import DistributedDataParallel

from facecore.errors import DataError
from facecore.train.batches import Part
from facecore.train.optimizers import make_sgd
from facecore.train.step import Stepper

FULL = torch.OutOfMemoryError


class Small(nn.Module):
    """A linear classifier of 4 x 4 px that can be told to run out of memory."""

    def __init__(self, largest: int = 1000, dropout: float = 0.0, error: type[RuntimeError] = FULL) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(48, 5)
        self.dropout = nn.Dropout(dropout)
        self.largest = largest
        self.seen: list[int] = []
        self.error = error

    def forward(self, faces: Tensor, labels: Tensor, rows: Tensor, step: int) -> tuple[Tensor, Tensor]:
        self.seen.append(len(faces))
        if len(faces) > self.largest:
            raise self.error("backend out of memory")
        logits = self.layer(self.dropout(faces.flatten(1)))
        loss = F.cross_entropy(logits, labels, ignore_index=-1)
        return loss, (logits.argmax(1) == labels).sum().float()


def _part(samples: int, number: int = 0) -> Part:
    random = torch.Generator().manual_seed(number)
    faces = torch.randn(samples, 3, 4, 4, generator=random)
    return Part(faces, torch.randint(5, (samples,), generator=random), torch.arange(samples), number=number)


def _joined(parts: list[Part]) -> Part:
    return Part(*(torch.cat([getattr(part, name) for part in parts]) for name in ("faces", "labels", "rows")))


def _stepper(objective: nn.Module, splits: int = 1, limit: float | None = None, scale: float | None = None) -> Stepper:
    scaler = GradScaler("cpu", init_scale=scale or 1.0, enabled=scale is not None)
    return Stepper(objective, make_sgd(objective, 0.9, 0.01), scaler, None, limit, seed=1, splits=splits)


def _weights(objective: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in objective.parameters()])


def test_a_step_is_that_of_the_formula() -> None:
    objective = Small()
    layer = copy.deepcopy(objective.layer)
    part = _part(6)
    outcome = _stepper(objective)([part], 0, learning_rate=0.1)
    logits = layer(part.faces.flatten(1))
    loss = F.cross_entropy(logits, part.labels)
    loss.backward()
    norm = torch.cat([layer.weight.grad.flatten(), layer.bias.grad]).norm()
    right = float((logits.argmax(1) == part.labels).sum())
    assert outcome.sums.tolist() == pytest.approx([loss.item(), right, 6, norm.item()], abs=1e-5)
    # The first step of Nesterov momentum moves by (1 + momentum) times the gradient; biases do not decay.
    weight = layer.weight - 0.1 * 1.9 * (layer.weight.grad + 0.01 * layer.weight)
    torch.testing.assert_close(objective.layer.weight, weight)
    torch.testing.assert_close(objective.layer.bias, layer.bias - 0.1 * 1.9 * layer.bias.grad)


@pytest.mark.parametrize("splits", [1, 2, 3, 5])
def test_parts_and_pieces_give_the_step_of_the_whole_batch(splits: int) -> None:
    parts = [_part(5, 0), _part(5, 1)]
    whole, cut = Small(), Small()
    expected = _stepper(whole)([_joined(parts)], 3, 0.1)
    found = _stepper(cut, splits)(parts, 3, 0.1)
    torch.testing.assert_close(_weights(cut), _weights(whole))
    torch.testing.assert_close(found.sums, expected.sums)
    assert len(cut.seen) == 2 * len(torch.arange(5).chunk(splits))


def test_unlabelled_samples_are_not_counted() -> None:
    part = _part(4)
    part.labels[1:3] = -1
    assert _stepper(Small())([part], 0, 0.1).sums[2] == 2


@pytest.mark.parametrize("error", [FULL, RuntimeError])  # CUDA's, and that of Apple's GPUs
def test_running_out_of_memory_costs_smaller_pieces_and_nothing_else(
    capsys: pytest.CaptureFixture[str], error: type[RuntimeError]
) -> None:
    whole, short = Small(), Small(largest=3, error=error)
    easy, stepper = _stepper(whole), _stepper(short)
    for step in range(2):
        expected, found = (one([_part(8)], step, 0.1) for one in (easy, stepper))
        torch.testing.assert_close(_weights(short), _weights(whole))
        torch.testing.assert_close(found.sums, expected.sums)
    assert stepper.splits == 4
    assert short.seen == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]  # the second step knows what fits
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "step 1: out of memory: from here on at most 4 samples in a pass instead of 8, the batch stays what it was",
        "step 1: out of memory: from here on at most 2 samples in a pass instead of 4, the batch stays what it was",
    ]


def test_memory_that_runs_out_in_a_later_piece_leaves_no_gradient_behind() -> None:
    class Late(Small):
        def forward(self, faces: Tensor, labels: Tensor, rows: Tensor, step: int) -> tuple[Tensor, Tensor]:
            if len(self.seen) == 1:
                self.largest = 2
            return super().forward(faces, labels, rows, step)

    whole, late = Small(), Late()
    parts = [_part(4, 0), _part(4, 1)]
    _stepper(whole)([_joined(parts)], 0, 0.1)
    _stepper(late)(parts, 0, 0.1)
    assert late.seen == [4, 4, 2, 2, 2, 2]
    torch.testing.assert_close(_weights(late), _weights(whole))


def test_a_sample_that_does_not_fit() -> None:
    objective = Small(largest=0)
    before = _weights(objective)
    with pytest.raises(DataError, match="step 8: the device has not enough memory for a single sample"):
        _stepper(objective)([_part(3)], 7, 0.1)
    assert torch.equal(_weights(objective), before)
    assert objective.seen == [3, 2, 1]


def test_other_errors_pass() -> None:
    part = _part(3)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        _stepper(Small())([Part(part.faces[:, :2], part.labels, part.rows)], 0, 0.1)


def test_several_ranks_may_not_halve(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(self: DistributedDataParallel, module: nn.Module) -> None:
        nn.Module.__init__(self)
        self.module = module

    monkeypatch.setattr(DistributedDataParallel, "__init__", init)
    monkeypatch.setattr(DistributedDataParallel, "forward", lambda self, *x: self.module(*x))
    stepper = _stepper(DistributedDataParallel(Small(largest=3)))
    with pytest.raises(DataError, match="step 1: the device ran out of memory with 8 samples in a pass: raise --acc"):
        stepper([_part(8)], 0, 0.1)
    assert stepper.splits == 1


def test_long_gradients_are_shortened() -> None:
    free, limited = Small(), Small()
    before = _weights(free)
    loose = _stepper(free)([_part(6)], 0, 0.1)
    tight = _stepper(limited, limit=0.25 * float(loose.sums[3]))([_part(6)], 0, 0.1)
    assert tight.sums[3] == loose.sums[3]  # what is reported is the length before
    decay = torch.cat([0.01 * Small().layer.weight.flatten(), torch.zeros(5)]) * 0.19
    moved = [before - _weights(one) - decay for one in (free, limited)]
    torch.testing.assert_close(moved[1], 0.25 * moved[0], atol=1e-6, rtol=1e-3)
    short = Small()
    _stepper(short, limit=2 * float(loose.sums[3]))([_part(6)], 0, 0.1)
    assert torch.equal(_weights(short), _weights(free))


def test_a_scaled_loss_gives_the_same_step() -> None:
    plain, scaled = Small(), Small()
    expected = _stepper(plain, limit=0.5)([_part(6)], 0, 0.1)
    found = _stepper(scaled, limit=0.5, scale=1024.0)([_part(6)], 0, 0.1)
    torch.testing.assert_close(_weights(scaled), _weights(plain))
    torch.testing.assert_close(found.sums, expected.sums)


def test_an_overflow_of_the_scaled_loss_leaves_the_step_out() -> None:
    objective = Small()
    before = _weights(objective)
    stepper = _stepper(objective, limit=0.5, scale=2.0**127)
    part = _part(6)
    part.faces.mul_(1000)
    outcome = stepper([part], 0, 0.1)
    assert torch.equal(_weights(objective), before)
    assert stepper.scaler.get_scale() == 2.0**126
    assert outcome.sums.isfinite().all()
    assert outcome.sums[3] == 0  # not counted: it says nothing about training


def test_dropout_depends_on_step_and_part_alone() -> None:
    def moved(parts: list[Part], step: int) -> Tensor:
        objective = Small(dropout=0.5)
        _stepper(objective)(parts, step, 0.1)
        return _weights(objective)

    first = moved([_part(6)], 4)
    torch.rand(100)  # whatever was drawn before
    assert torch.equal(moved([_part(6)], 4), first)
    assert not torch.equal(moved([_part(6)], 5), first)
    same = _part(6)
    other = Part(same.faces, same.labels, same.rows, number=1)
    assert not torch.equal(moved([other], 4), first)
    # A rank that takes the second part alone draws what one process draws for its second part.
    torch.manual_seed(0)
    both = moved([same, other], 4) - _weights(Small())
    apart = [moved([part], 4) - _weights(Small()) for part in (same, other)]
    torch.testing.assert_close(both, (apart[0] + apart[1]) / 2)


def test_convolutions_may_be_narrow() -> None:
    objective = Small()
    stepper = Stepper(objective, make_sgd(objective, 0.9, 0), GradScaler("cpu", enabled=False), torch.bfloat16, None, 1)
    kinds = []
    objective.layer.register_forward_hook(lambda module, inputs, output: kinds.append(output.dtype))
    outcome = stepper([_part(6)], 0, 0.1)
    assert kinds == [torch.bfloat16]
    assert outcome.sums.dtype == torch.float32
    assert objective.layer.weight.dtype == torch.float32
