"""The score of a pair: the cosine of two embeddings."""

import numpy as np
import numpy.typing as npt

BLOCK = 8192  # pairs at a time, so that a million pairs do not copy two million embeddings


def cosines(
    matrix: npt.NDArray[np.float32], left: npt.NDArray[np.intp], right: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Scores of pairs of rows.

    Args:
        matrix: (N, D) float32, rows of length one; a row of NaN stands for a missing embedding.
        left: (P,) row of the first of each pair.
        right: (P,) row of the second.

    Returns:
        (P,) float64 in -1..1, NaN where an embedding is missing. Products are added up in float64, so that a score does
        not depend on the order of the two.
    """
    scores = np.empty(len(left))
    for begin in range(0, len(left), BLOCK):
        part = slice(begin, begin + BLOCK)
        scores[part] = np.einsum("pd,pd->p", matrix[left[part]], matrix[right[part]], dtype=np.float64)
    return scores.clip(-1, 1)
