import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD

from facecore.errors import DataError
from facecore.train import free_memory, memory
from facecore.train.memory import fits_in_memory, free_bytes, is_out_of_memory, largest_batch
from facecore.train.optimizers import make_sgd

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[3]
GIGABYTE = 10**9


class Small(nn.Module):
    """A small network with all that a trial could change."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(4 * 62 * 62, 3)
        )

    def forward(self, faces: Tensor, labels: Tensor, rows: Tensor, step: int) -> tuple[Tensor, Tensor]:
        logits = self.network(faces)
        return F.cross_entropy(logits.float(), labels), (logits.argmax(1) == labels).sum().float()


@pytest.fixture
def trained() -> Iterator[tuple[Small, SGD]]:
    """An objective and its optimiser after a step, so that both have a state."""
    objective = Small().to(memory_format=torch.channels_last).train()
    optimizer = make_sgd(objective, 0.9, 1e-3)
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    objective(torch.randn(4, 3, 64, 64), torch.zeros(4, dtype=torch.int64), torch.arange(4), 0)[0].backward()
    optimizer.step()
    return objective, optimizer


def _largest(trained: tuple[Small, SGD], count: int = 100_000) -> int:
    return largest_batch(*trained, 64, count, CPU, None)


def _free(monkeypatch: pytest.MonkeyPatch, size: float) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: int(size))


def test_more_memory_a_larger_batch(trained: tuple[Small, SGD], monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for size in (GIGABYTE / 10, GIGABYTE / 5, 100 * GIGABYTE):
        _free(monkeypatch, size)
        found.append(_largest(trained))
    assert all(batch % 8 == 0 for batch in found)
    assert found[1] == pytest.approx(2 * found[0], abs=16)
    assert found[2] == 4096


def test_what_a_sample_keeps_is_counted(trained: tuple[Small, SGD], monkeypatch: pytest.MonkeyPatch) -> None:
    # By hand, in bytes: the input; then 62 x 62 pixels of 4 channels each for the outputs of the convolution and of the
    # ReLU, what dropout has multiplied by, and the input of the linear layer.
    sample = 4 * 3 * 64 * 64 + 4 * (4 * 4 * 62 * 62)
    _free(monkeypatch, GIGABYTE)
    assert _largest(trained) == pytest.approx(GIGABYTE / 2 / (memory.PER_KEPT_BYTE * sample), rel=0.05)


@pytest.mark.parametrize(("count", "batch"), [(5, 5), (8, 8), (15, 8), (1000, 1000), (1003, 1000)])
def test_not_more_than_the_data(
    trained: tuple[Small, SGD], monkeypatch: pytest.MonkeyPatch, count: int, batch: int
) -> None:
    _free(monkeypatch, 100 * GIGABYTE)
    assert _largest(trained, count) == batch


def test_too_little_memory(trained: tuple[Small, SGD], monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 1e6)
    with pytest.raises(DataError, match="--batch-size auto: .* 8 images of 64 px"):
        _largest(trained)


@pytest.mark.parametrize("failing", [False, True])
def test_nothing_stays_of_the_trials(
    trained: tuple[Small, SGD], monkeypatch: pytest.MonkeyPatch, failing: bool
) -> None:
    objective, optimizer = trained
    _free(monkeypatch, 1e6 if failing else GIGABYTE)
    weights = {name: value.clone() for name, value in objective.state_dict().items()}
    gradients = [parameter.grad for parameter in objective.parameters()]
    values = [gradient.clone() for gradient in gradients if gradient is not None]
    momenta = [optimizer.state[parameter]["momentum_buffer"].clone() for parameter in objective.parameters()]
    groups = [group["lr"] for group in optimizer.param_groups]
    random = torch.get_rng_state()
    if failing:
        with pytest.raises(DataError):
            _largest(trained)
    else:
        _largest(trained)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, weights[name]) for name, value in objective.state_dict().items())
    for parameter, gradient, value in zip(objective.parameters(), gradients, values, strict=True):
        assert parameter.grad is gradient
        assert torch.equal(parameter.grad, value)
    for parameter, momentum in zip(objective.parameters(), momenta, strict=True):
        assert torch.equal(optimizer.state[parameter]["momentum_buffer"], momentum)
    assert [group["lr"] for group in optimizer.param_groups] == groups
    assert objective.training


class Gpu:
    """Stands for a GPU that holds so many samples."""

    def __init__(self, holds: int, error: RuntimeError | None = None) -> None:
        self.holds = holds
        self.error = error or torch.OutOfMemoryError("CUDA out of memory.")
        self.tried: list[int] = []

    def __call__(self, samples: int) -> None:
        self.tried.append(samples)
        if samples > self.holds:
            raise self.error


@pytest.mark.parametrize("limit", [8, 16, 40, 1000, 4096])
@pytest.mark.parametrize("holds", [0, 7, 8, 15, 16, 31, 100, 999, 1000, 4095, 10_000])
def test_trying_finds_what_a_gpu_holds(holds: int, limit: int) -> None:
    gpu = Gpu(holds)
    found = memory._try_out(gpu, limit, CPU)
    most = min(holds // 8 * 8, limit)
    assert found % 8 == 0
    if most == limit:
        assert found == limit
    else:
        assert found == max(min(most, 8), int(0.9 * most) // 8 * 8)
    assert max(gpu.tried) <= limit
    assert len(gpu.tried) == len(set(gpu.tried)) <= 22


def test_a_gpu_whose_errors_have_no_class_of_their_own() -> None:
    assert memory._try_out(Gpu(100, RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)")), 4096, CPU) == 80
    with pytest.raises(RuntimeError, match="shapes"):
        memory._try_out(Gpu(100, RuntimeError("shapes do not match")), 4096, CPU)


def test_words_for_a_full_gpu() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("anything"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"))
    assert not is_out_of_memory(RuntimeError("device-side assert triggered"))


def test_a_quarter_of_the_memory_may_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_memory, "free_bytes", lambda device: 4000)
    assert fits_in_memory(1000, CPU)
    assert not fits_in_memory(1001, CPU)


def test_free_memory_is_that_of_the_machine() -> None:
    assert 10**7 < free_bytes(CPU) < 10**14


def _group(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")


def test_a_container_of_version_2(tmp_path: Path) -> None:
    mount = tmp_path / "cgroup"
    stat = {"memory.stat": "anon 600\ninactive_file 150"}
    _group(mount / "a" / "b", {"memory.max": "1000", "memory.current": "700", **stat})
    _group(mount / "a", {"memory.max": "max", "memory.current": "900", **stat})
    _group(mount, {"cgroup.procs": "1"})  # the root has no limit and no such files
    (tmp_path / "self").write_text("0::/a/b\n")
    assert free_memory._container_bytes(tmp_path / "self", mount) == [450]


def test_a_container_of_version_1_that_sees_only_its_own_group(tmp_path: Path) -> None:
    mount = tmp_path / "cgroup"
    files = {"memory.limit_in_bytes": "1000", "memory.usage_in_bytes": "1200", "memory.stat": "total_inactive_file 100"}
    _group(mount / "memory", files)
    (tmp_path / "self").write_text("5:cpu,cpuacct:/docker/1234\n4:memory:/docker/1234\n")
    assert free_memory._container_bytes(tmp_path / "self", mount) == [0]  # 100 more than it may: nothing is left


def test_no_containers(tmp_path: Path) -> None:
    assert free_memory._container_bytes(tmp_path / "missing", tmp_path) == []


def test_the_narrowest_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_memory, "_container_bytes", lambda memberships, mount: [10**18, 12_345])
    assert free_bytes(CPU) == 12_345


STEPS = """
import torch
from pathlib import Path
from torchvision.models import resnet18
from facecore.train import memory
from facecore.train.optimizers import make_sgd

class Objective(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = resnet18()
    def forward(self, faces, labels, rows, step):
        return torch.nn.functional.cross_entropy(self.network(faces), labels), labels.sum().float()

def peak():  # of this program alone: getrusage counts what the process was before, which may be a large one
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

torch.manual_seed(0)
objective = Objective().to(memory_format=torch.channels_last).train()
optimizer = make_sgd(objective, 0.9, 5e-4)
memory.free_bytes = lambda device: 1_600_000_000
before = peak()
cpu = torch.device("cpu")
batch = memory.largest_batch(objective, optimizer, 64, 10_000, cpu, None)
for _ in range(3):
    memory._step(objective, optimizer, batch, 64, cpu, None)
print(batch, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measures memory in the unit of Linux")
def test_the_steps_of_a_processor_stay_within_half_of_the_memory() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", STEPS], env=environment, capture_output=True, text=True, check=True)
    batch, grown = (int(word) for word in done.stdout.split())
    assert batch >= 64
    assert 0.2e9 < grown <= 0.8e9
