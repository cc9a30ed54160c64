import pytest
import torch

from facecore.device import has_bf16, pick_device, pick_precision, usable_cores

CPU = torch.device("cpu")


def test_the_cpu_is_always_there() -> None:
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["gpu", "cpu:x", ""])
def test_a_device_that_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not known"):
        pick_device(name)


def test_a_gpu_that_is_not_there_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="--device cpu"):
        pick_device("cuda")


def test_precision() -> None:
    assert pick_precision("fp32", CPU) is None
    assert pick_precision("bf16", CPU) == torch.bfloat16
    assert pick_precision("auto", CPU) == (torch.bfloat16 if has_bf16(CPU) else None)
    with pytest.raises(ValueError, match="fp8"):
        pick_precision("fp8", CPU)


def test_cores() -> None:
    assert usable_cores() >= 1
