"""What made a score, drawn over the two faces, with a legend and a sentence."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo import picture, text_why
from demo.address import address
from demo.text import PHOTO_LABELS, SIDES
from facecore.explain import STEPS, Explanation, carried

SIDE = 336  # px; three times the usual crop
FAINTEST = 0.02  # a drop that is drawn in full colour at least; smaller ones stay as pale as they are small

# Orange and purple: told apart with any of the usual kinds of colour blindness, and from grey (Okabe and Ito 2008).
LOWER = np.array((230, 97, 0), np.float32)
RAISE = np.array((93, 58, 155), np.float32)
STRONGEST = 0.8  # share of the colour where the drop is largest, so that the face shows through


def render(
    explanation: Explanation, crops: Sequence[NDArray[np.uint8]], aligned: bool, folder: Path, about: str = ""
) -> str:
    """The explanation as HTML.

    Args:
        explanation: of two crops.
        crops: the crops, uint8 (S, S, 3).
        aligned: whether they are aligned faces, so that regions have names.
        folder: where to write the pictures.
        about: names what was compared, see `Pair.about`.
    """
    maps = explanation.maps()
    lowers = max(0.0, *(float(drops.max()) for drops in explanation.drops))
    raises = max(0.0, *(-float(drops.min()) for drops in explanation.drops))
    regions = explanation.regions()
    places = carried(regions) if aligned else ()
    if aligned:
        opposed = carried({name: -drop for name, drop in regions.items()})
        sentence = text_why.summary(places, lowers, opposed, raises, explanation.score)
    else:
        sentence = text_why.whole_photos(lowers, explanation.score)
    most = max(FAINTEST, *(float(np.abs(heat).max()) for heat in maps))
    figures = ""
    for side, crop, heat in zip(SIDES, crops, maps, strict=True):
        path = picture.save(overlay(crop, heat / most), folder).path
        figures += (
            f'<figure><img src="{escape(address(path))}" width="{SIDE}" height="{SIDE}" '
            f'alt="{escape(text_why.alternative(side, places))}"><figcaption>{escape(PHOTO_LABELS[side])}</figcaption>'
            "</figure>"
        )
    return (
        f'<section class="fc-why" data-about="{escape(about)}"><h3>{escape(text_why.HEADING)}</h3>'
        f'<p class="fc-why-told">{escape(sentence)}</p>'
        f'<div class="fc-why-parts"><div class="fc-heat">{figures}</div>'
        f'<div>{_legend()}<p class="fc-why-how">{escape(text_why.METHOD)}</p></div></div></section>'
    )


def overlay(crop: NDArray[np.uint8], heat: NDArray[np.float64], cells: int = STEPS + 1) -> NDArray[np.uint8]:
    """A grey face with colour over it.

    Args:
        crop: uint8 (S, S, 3).
        heat: float (S, S), -1..1; 1 is full orange, -1 full purple, 0 leaves the face as it is.
        cells: along each side, within which the heat is the same; drawn as if it changed gradually between them.

    Returns:
        uint8 (SIDE, SIDE, 3).
    """
    size = (SIDE, SIDE)
    face = np.asarray(Image.fromarray(crop).convert("L").resize(size, Image.Resampling.BICUBIC), np.float32)[..., None]
    coarse = Image.fromarray(heat.astype(np.float32)).resize((cells, cells), Image.Resampling.BOX)
    smooth = coarse.resize(size, Image.Resampling.BICUBIC)
    amount = np.clip(np.asarray(smooth, np.float32), -1, 1)[..., None]
    colour = np.where(amount >= 0, LOWER, RAISE)
    alpha = np.abs(amount) * np.float32(STRONGEST)
    blended: NDArray[np.uint8] = np.rint(face * (1 - alpha) + colour * alpha).astype(np.uint8)
    return blended


def _legend() -> str:
    words = (text_why.LEGEND_RAISE, text_why.LEGEND_NONE, text_why.LEGEND_LOWER)
    names = "".join(f"<span>{escape(word)}</span>" for word in words)
    return f'<div class="fc-heat-legend"><i aria-hidden="true"></i><div>{names}</div></div>'
