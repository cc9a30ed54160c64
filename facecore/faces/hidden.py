"""Whether a face is covered (mask, hand, cap), told from its embedding.

The detector's confidence does not tell: it is high for many covered faces too. An embedding does: what covers a face
moves it in much the same direction, whoever it is. A probe is that direction, and how far is too far. It belongs to the
network whose embeddings it was made from, and to aligned faces.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecore.errors import ModelError

LARGEST = 1e6
"""That a number of a probe may be in size: embeddings have length one, so that real ones are far smaller."""


@dataclass(frozen=True)
class HiddenProbe:
    """A linear probe.

    Attributes:
        direction: D numbers, the direction in which embeddings move when a face is covered, of any length.
        offset: the largest product of the direction with an embedding that still counts as uncovered.
    """

    direction: tuple[float, ...]
    offset: float

    def value(self, embedding: NDArray[np.floating]) -> float:
        """How far an embedding lies beyond the offset: above 0 the face seems to be partly hidden.

        Args:
            embedding: (D,), of length one.

        Raises:
            ModelError: the embedding has not as many numbers as the direction.
        """
        self.check(embedding.size)
        return float(np.asarray(self.direction) @ embedding.astype(np.float64) - self.offset)

    def check(self, width: int) -> None:
        """Refuse embeddings of another width.

        Raises:
            ModelError: `width` is not D.
        """
        if width != len(self.direction):
            raise ModelError(
                f'the direction of "hidden" has {len(self.direction)} numbers, but the model\'s embeddings have {width}'
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
