from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.models import resnet18

from eval.speed import training
from eval.speed.__main__ import main
from eval.speed.reference_loop import Meters, ReferenceLoop, top_accuracies
from eval.speed.training import OurLoop, Setup, make_batches, make_objective, step_operations
from facecore.data.folder import scan_folder
from facecore.data.pictures import FilePictures
from facecore.transforms import preset

CPU = torch.device("cpu")


@pytest.fixture
def people(tmp_path: Path, astronaut: np.ndarray, coffee: np.ndarray) -> Path:
    """Two classes of four parts of a photo each."""
    for name, photo in (("ann", astronaut), ("ben", coffee)):
        (tmp_path / "people" / name).mkdir(parents=True)
        for number in range(4):
            part = photo[20 * number : 20 * number + 200, 100:280]
            Image.fromarray(part).save(tmp_path / "people" / name / f"{number}.png")
    return tmp_path / "people"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "MATRICES", (32, 64))


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_table_of_both_loops(capsys: pytest.CaptureFixture[str], people: Path) -> None:
    flags = ["--size", "64", "--batch-size", "2", "--workers", "0", "--steps", "1", "--repeat", "1", "--device", "cpu"]
    assert main(["train", str(people), *flags, "--precision", "bf16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ResNet-18, 64 px, batch 2, 0 workers, cpu, ")
    assert lines[1].startswith("8 images of 2 people")
    names = ["torchvision's loop", "ours, from files", "ours, in memory"]
    assert [line[:18].strip() for line in lines[3:9]] == names * 2
    rows = [line[18:].split() for line in lines[3:9]]
    assert [row[0] for row in rows] == ["float32"] * 3 + ["bfloat16"] * 3
    rates = [float(row[1]) for row in rows]
    assert min(rates) > 0
    # Ratios are those of the printed rates, to torchvision's loop in the same precision and in float32.
    for row, rate, same in zip(rows, rates, [rates[0]] * 3 + [rates[3]] * 3, strict=True):
        assert float(row[2].removesuffix("x")) == pytest.approx(rate / same, abs=0.03, rel=0.05)
        assert float(row[3].removesuffix("x")) == pytest.approx(rate / rates[0], abs=0.03, rel=0.05)
    assert "GFLOP an image" in lines[9]
    assert "GFLOP/s in bfloat16" in lines[9]


def test_both_loops_see_the_same_pictures(people: Path) -> None:
    setup = Setup(CPU, 64, 2, 0, 1)
    folder = scan_folder(people)
    reference = ReferenceLoop(people, setup.preset, 2, 0, CPU, None, 0.01)
    part = make_batches(FilePictures(folder, setup.preset), setup).make(0, 0)
    for face, label, row in zip(part.faces, part.labels, part.rows.tolist(), strict=True):
        path, expected = Path(reference.data.samples[row][0]), reference.data[row]
        assert path == folder.path(row)
        assert expected[1] == label
        # torchvision divides by 255 and then normalises; so do we, in another order of additions.
        torch.testing.assert_close(face, expected[0], rtol=0, atol=1e-5)


def test_both_loops_train_the_same_network() -> None:
    ours, theirs = make_objective(7, "projection", CPU), resnet18(num_classes=7)
    shapes = sorted(tuple(parameter.shape) for parameter in theirs.parameters())
    assert sorted(tuple(parameter.shape) for parameter in ours.parameters()) == shapes


@pytest.mark.slow
def test_a_window_of_ours_takes_its_steps_and_goes_on(people: Path) -> None:
    setup = Setup(CPU, 64, 2, 0, 1)
    loop = OurLoop(FilePictures(scan_folder(people), setup.preset), 2, setup, None, "projection")
    before = loop.objective.head.linear()[0].detach().clone()
    assert loop.window(1, 2) > 0
    assert loop.step == 3
    assert loop.window(0, 1) > 0
    assert loop.step == 4
    assert not torch.equal(before, loop.objective.head.linear()[0])


def test_a_step_of_the_reference_loop_is_plain_sgd(people: Path) -> None:
    loop = ReferenceLoop(people, preset("reference", 64), 2, 0, CPU, None, 0.5)
    images, labels = next(iter(loop.loader))
    network = loop.network
    expected = F.cross_entropy(network(images), labels)
    gradient = torch.autograd.grad(expected, [network.fc.bias])[0]
    bias = network.fc.bias.detach().clone()
    loop.step(images, labels)
    assert loop.meters.latest["loss"] == pytest.approx(expected.item(), abs=1e-5)
    torch.testing.assert_close(network.fc.bias.detach(), bias - 0.5 * gradient)
    assert loop.meters.images == 2


def test_accuracies_and_their_means() -> None:
    logits = torch.eye(8)[[0, 1, 2, 3]] + torch.linspace(0, 0.5, 8)
    top1, top5 = top_accuracies(logits, torch.tensor([0, 1, 7, 1]))
    assert (top1.item(), top5.item()) == (50, 75)  # 7 is second after 2; 1 is not among 3, 7, 6, 5, 4
    meters = Meters()
    meters.add(1, {"top1": torch.tensor(100.0)})
    meters.add(3, {"top1": torch.tensor(0.0)})
    assert meters.sums["top1"] / meters.images == 25


def test_operations_of_a_training_step() -> None:
    # torchvision's ResNet-18 needs 1.81 billion multiplications with an addition at 224 px, forward; backward needs
    # them twice but for the first convolution (118 million), whose input needs no gradient.
    forward = 2 * 1.814e9
    expected = (3 * forward - 2 * 118e6) * (64 / 224) ** 2
    assert step_operations(1000, 64) == pytest.approx(expected, rel=0.02)


def test_mistakes(capsys: pytest.CaptureFixture[str], people: Path, tmp_path: Path) -> None:
    assert main(["train"]) == 2
    assert "one folder" in capsys.readouterr().err
    assert main(["train", str(tmp_path / "missing")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert main(["train", str(people), "--batch-size", "9", "--workers", "0", "--size", "64"]) == 2
    assert "9" in capsys.readouterr().err
    assert main(["train", str(people), "--size", "32"]) == 2
    assert "64 px and more" in capsys.readouterr().err
    assert main(["train", str(people), "--workers", "-1"]) == 2
