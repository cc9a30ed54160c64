"""Colours for scores: from pale to dark (or, on a dark page, from dark to bright), so that order shows without hue.

Hue runs from yellow to blue, which people with any of the common colour deficiencies tell apart, and lightness rises
or falls at every step, so that the order survives in shades of grey. Mixed in Oklab (Ottosson 2020), where equal steps
look equal.
"""

import numpy as np
import numpy.typing as npt

STEPS = 11
_LIGHT = ("#f8f3df", "#8fb4c4", "#123a6d")
_DARK = ("#22262e", "#3f7486", "#ffe08a")

_TO_CONE = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)

Colour = npt.NDArray[np.float64]


def scale(dark: bool) -> list[tuple[str, str]]:
    """The colours of the steps from the lowest score to the highest: ground and letters, as #rrggbb.

    Letters are black or white, whichever is easier to read: their contrast is at least 4.5 to 1 (WCAG 2.2, 1.4.3).
    """
    stops = np.stack([_oklab(colour) for colour in (_DARK if dark else _LIGHT)])
    places = np.linspace(0, len(stops) - 1, STEPS)
    mixed = np.stack([np.interp(places, range(len(stops)), stops[:, channel]) for channel in range(3)], axis=1)
    grounds = [_hex(colour) for colour in mixed]
    return [(ground, max(("#000000", "#ffffff"), key=lambda ink: contrast(ground, ink))) for ground in grounds]


def step(score: float, low: float) -> int:
    """The step 0..STEPS-1 for a score; `low` and all below it have the first, 1 the last.

    Args:
        score: cosine.
        low: where the scale begins, below 1.
    """
    return round(float(np.clip((score - low) / (1 - low), 0, 1)) * (STEPS - 1))


def css() -> str:
    """Classes fc-step-0 to fc-step-10, for light and dark pages."""
    rules = []
    for dark, prefix in ((False, ""), (True, ".dark ")):
        for number, (ground, ink) in enumerate(scale(dark)):
            rules.append(f"{prefix}.fc-step-{number} {{ background: {ground}; color: {ink}; }}")
    return "\n".join(rules)


def contrast(first: str, second: str) -> float:
    """The contrast of two colours #rrggbb, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    dark, light = sorted(_luminance(colour) for colour in (first, second))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    return float(_linear(colour) @ [0.2126, 0.7152, 0.0722])


def _linear(colour: str) -> Colour:
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _oklab(colour: str) -> Colour:
    lab: Colour = _TO_LAB @ np.cbrt(_TO_CONE @ _linear(colour))
    return lab


def _hex(lab: Colour) -> str:
    linear = np.clip(np.linalg.solve(_TO_CONE, np.linalg.solve(_TO_LAB, lab) ** 3), 0, 1)
    values = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * float(value)):02x}" for value in values)
