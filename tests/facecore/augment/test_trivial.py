import torch
from torch import Generator, Tensor
from torchvision.transforms import v2

from facecore.augment import Trivial, resize


def test_it_is_that_of_torchvision_on_each_face(faces: Tensor) -> None:
    out = Trivial()(faces, 80, Generator().manual_seed(4))
    seed = int(torch.randint(2**63 - 1, (1,), generator=Generator().manual_seed(4)))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        expected = [v2.TrivialAugmentWide()(face) for face in resize(faces, 80)]
    torch.testing.assert_close(out, torch.stack(expected).float() / 255, atol=0, rtol=0)


def test_the_global_generator_stays_and_does_not_matter(faces: Tensor) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = Trivial()(faces, 112, Generator().manual_seed(4))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(first, Trivial()(faces, 112, Generator().manual_seed(4)))
    assert not torch.equal(first, Trivial()(faces, 112, Generator().manual_seed(5)))
