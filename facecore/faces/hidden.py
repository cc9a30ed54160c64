"""Whether a face is covered (mask, hand, cap), told from the network's features of it.

The detector's confidence does not tell: it is high for many covered faces too. What the embedding is made from does:
what covers a face moves these features in much the same direction, whoever it is. (The embedding itself tells less, the
better it looks past what is not the person: of covered faces it told 39 in 100, the features 80; half `fit`, at 2 false
alarms in 100.) A probe is that direction, and how far is too far. It belongs to the network whose features it was made
from, and to aligned faces.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecore.errors import ModelError

LARGEST = 1e6
"""That a number of a probe may be in size: features have length one, so that real ones are far smaller."""


@dataclass(frozen=True)
class HiddenProbe:
    """A linear probe.

    Attributes:
        direction: F numbers, the direction in which features move when a face is covered, of any length.
        offset: the largest product of the direction with features that still count as uncovered.
    """

    direction: tuple[float, ...]
    offset: float

    def value(self, features: NDArray[np.floating]) -> float:
        """How far features lie beyond the offset: above 0 the face seems to be partly hidden.

        Args:
            features: (F,), of length one, as `FaceRecognizer.features` gives them.

        Raises:
            ModelError: they are not as many numbers as the direction.
        """
        self.check(features.size)
        return float(np.asarray(self.direction) @ features.astype(np.float64) - self.offset)

    def check(self, width: int) -> None:
        """Refuse features of another width.

        Raises:
            ModelError: `width` is not F.
        """
        if width != len(self.direction):
            raise ModelError(
                f'the direction of "hidden" has {len(self.direction)} numbers, but the model\'s features have {width}'
            )

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"direction": list(self.direction), "offset": self.offset}

    @classmethod
    def from_dict(cls, content: object) -> "HiddenProbe":
        """Read what `to_dict` wrote.

        Raises:
            ModelError: the content is not that of a probe; says what is wrong.
        """
        if not isinstance(content, dict) or content.keys() != {"direction", "offset"}:
            raise ModelError('"hidden" must be an object with "direction" and "offset"')
        direction, offset = content["direction"], content["offset"]
        if not isinstance(direction, list) or not direction or not all(_is_number(value) for value in direction):
            raise ModelError('the direction of "hidden" must be a list of finite numbers')
        if not _is_number(offset):
            raise ModelError('the offset of "hidden" must be a finite number')
        return cls(tuple(float(value) for value in direction), float(offset))


def _is_number(value: object) -> bool:
    # NaN fails both comparisons; integers too large for a float are caught by them too.
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST
