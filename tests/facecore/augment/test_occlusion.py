import torch
from torch import Generator, Tensor

from facecore.augment.occlusion import cover
from facecore.faces.align import TEMPLATE

N = 900


def _covered() -> tuple[Tensor, Tensor]:
    """Which pixels were covered, (N, 28, 28), and by what colour, (N, 3)."""
    faces = torch.full((N, 3, 28, 28), -1.0)
    out = cover(faces, Generator().manual_seed(1))
    inside = (out != -1).all(1)
    assert torch.equal(inside, (out != -1).any(1))
    return inside, out.amax((2, 3))


def test_the_three_things_come_equally_often_where_they_belong() -> None:
    inside, colour = _covered()
    points = torch.from_numpy(TEMPLATE / 4).round().long()
    at = [inside[:, y, x] for x, y in points]
    eyes, mouth = at[0] & at[1], at[3] & at[4]
    glasses, mask = eyes & ~mouth, mouth & ~eyes
    # Some of the other things cover both eyes or both corners of the mouth too; they are smaller.
    for share in (glasses, mask):
        assert 0.28 < share.float().mean() < 0.42
    dark = (colour <= 0.2).all(1)
    assert dark[glasses].float().mean() > 0.85
    assert dark[mask].float().mean() < 0.2
    assert inside[glasses].float().mean((1, 2)).mean() < 0.2
    assert 0.2 < inside[mask].float().mean((1, 2)).mean() < 0.35


def test_it_has_one_colour_and_half_are_grey() -> None:
    faces = torch.full((N, 3, 28, 28), -1.0)
    out = cover(faces, Generator().manual_seed(2))
    highest, lowest = out.amax((2, 3)), torch.where(out == -1, 2, out).amin((2, 3))
    seen = (out != -1).any(1).any(2).any(1)
    assert seen.float().mean() > 0.97  # of a thing at the very edge nothing may be seen
    assert torch.equal(highest[seen], lowest[seen])
    grey = (highest[seen] == highest[seen][:, :1]).all(1).float().mean()
    assert 0.43 < grey < 0.57


def test_the_given_faces_are_left_alone(shown: Tensor) -> None:
    before = shown.clone()
    out = cover(shown, Generator().manual_seed(0))
    assert torch.equal(shown, before)
    assert (out != shown).any(1).flatten(1).any(1).all()
