"""Several photos of one person as one embedding: a template.

A template is the mean of the photos' embeddings of length one, brought to length one again. So IJB-B and IJB-C are
evaluated: Whitelam et al. 2017, "IARPA Janus Benchmark-B Face Dataset" (CVPR workshops), and Maze et al. 2018, "IARPA
Janus Benchmark-C" (ICB). There the frames of one video count as one medium: they are averaged first, so that a
long video does not drown the photos.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.floating[Any]]
Codes = npt.NDArray[np.integer[Any]]

BLOCK = 8192  # rows at a time, so that gathering the photos of many templates does not copy the whole matrix


def template(embeddings: Rows, weights: Rows | None = None, *, media: Codes | None = None) -> npt.NDArray[np.float32]:
    """One embedding for several photos of one person.

    Args:
        embeddings: (n, D), rows of length one; a row of NaN for a photo that failed, which is left out.
        weights: (n,), see `templates`.
        media: (n,), see `templates`.

    Returns:
        float32 (D,) of length one; NaN where every photo failed, or there is none.

    Raises:
        ValueError: as `templates`.
    """
    rows = np.asarray(embeddings)
    number = len(rows) if rows.ndim == 2 else 0
    found: npt.NDArray[np.float32] = templates(rows, np.zeros(number, np.intp), 1, weights=weights, media=media)[0]
    return found


def templates(
    matrix: Rows,
    codes: Codes,
    count: int,
    *,
    rows: Codes | None = None,
    weights: Rows | None = None,
    media: Codes | None = None,
) -> npt.NDArray[np.float32]:
    """One embedding for each of many templates.

    Args:
        matrix: (N, D) embeddings, rows of length one; a row of NaN stands for a photo that failed.
        codes: (n,), the template of each photo, from 0 to `count` - 1, in any order.
        count: number of templates, T.
        rows: (n,), the row of `matrix` of each photo; a photo may belong to several templates. Without it photo i has
            row i.
        weights: (n,), how much each photo counts, such as its quality; NaN only where the photo failed. A template
            whose weights are all 0 is their plain mean.
        media: (n,), whole numbers that name the medium of each photo within its template: photos (frames) that share
            one are averaged first, with their weights, and then every medium counts once. A negative number is a
            medium of its own.

    Returns:
        float32 (T, D), rows of length one; NaN for a template all of whose photos failed, that has none, or whose
        embeddings cancel out. Sums are taken in float64.

    Raises:
        ValueError: shapes do not agree, a number is out of range, or a weight is negative or infinite, or NaN where
            there is an embedding.
    """
    matrix, codes, rows = _checked(matrix, codes, count, rows)
    weight = _checked_weights(weights, codes.size)
    present: npt.NDArray[np.bool_] = ~np.asarray(np.isnan(matrix).any(axis=1))[rows]
    if np.isnan(weight[present]).any():
        raise ValueError("a weight is NaN for a photo that has an embedding: use its quality, or 0 to leave it out")
    codes, rows, weight = codes[present], rows[present], weight[present]
    if media is None:
        return _unit(_means(matrix, rows, codes, count, _usable(weight, codes, count)))
    media = np.asarray(media)
    if media.shape != present.shape or not np.issubdtype(media.dtype, np.integer):
        raise ValueError(f"media must be {present.size} whole numbers, one for each photo")
    group, owner = _groups(codes, media[present])
    means = _means(matrix, rows, group, len(owner), _usable(weight, group, len(owner)))
    return _unit(_means(means, np.arange(len(owner)), owner, count, np.ones(len(owner))))


def _checked(
    matrix: Rows, codes: Codes, count: int, rows: Codes | None
) -> tuple[Rows, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    matrix, codes = np.asarray(matrix), np.asarray(codes)
    if matrix.ndim != 2:
        raise ValueError(f"embeddings must be a matrix (photos, dimensions), not of shape {matrix.shape}")
    rows = np.arange(len(matrix)) if rows is None else np.asarray(rows)
    if codes.ndim != 1 or rows.shape != codes.shape:
        raise ValueError(f"{rows.size} photos, but {codes.size} template numbers: one is needed for each photo")
    for name, values, limit in (("template", codes, count), ("row", rows, len(matrix))):
        if not values.size:
            continue
        if not np.issubdtype(values.dtype, np.integer):
            raise ValueError(f"the {name} numbers must be whole numbers, not {values.dtype}")
        if values.min() < 0 or values.max() >= limit:
            wrong = values.min() if values.min() < 0 else values.max()
            raise ValueError(f"there is no {name} number {wrong}: they run from 0 to {limit - 1}")
    return matrix, codes.astype(np.intp), rows.astype(np.intp)


def _checked_weights(weights: Rows | None, count: int) -> npt.NDArray[np.float64]:
    values = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if values.shape != (count,):
        raise ValueError(f"weights have shape {values.shape}, and {count} photos need ({count},)")
    if (values < 0).any() or np.isinf(values).any():
        raise ValueError("a weight must be finite and not negative")
    return values


def _usable(weight: npt.NDArray[np.float64], group: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.float64]:
    """The weights, all 1 in a group where they are all 0."""
    return np.where(np.bincount(group, weight, count)[group] > 0, weight, 1.0)


def _groups(codes: npt.NDArray[np.intp], media: Codes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """For each photo the number of its medium, counted over all templates, and for each medium its template."""
    own = media < 0
    # A medium of its own gets a number that nobody else has; all numbers stay small enough for any integer type.
    _, names = np.unique(media, return_inverse=True)
    names = np.where(own, names.size + np.arange(media.size), names)
    order = np.lexsort((names, codes))
    first = np.ones(order.size, np.bool_)
    first[1:] = (codes[order][1:] != codes[order][:-1]) | (names[order][1:] != names[order][:-1])
    group = np.empty(order.size, np.intp)
    group[order] = np.cumsum(first) - 1
    return group, codes[order][first]


def _means(
    matrix: Rows,
    rows: npt.NDArray[np.intp],
    group: npt.NDArray[np.intp],
    count: int,
    weight: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Weighted means of rows of `matrix`, (count, D); NaN for a group without rows. Weights of a group sum to > 0."""
    sums = np.zeros((count, matrix.shape[1]))
    order = np.argsort(group, kind="stable")
    group, rows, weight = group[order], rows[order], weight[order]
    for begin in range(0, group.size, BLOCK):
        part = slice(begin, begin + BLOCK)
        here = group[part]
        starts = np.flatnonzero(np.diff(here, prepend=-1))
        weighted = matrix[rows[part]].astype(np.float64) * weight[part, None]
        sums[here[starts]] += np.add.reduceat(weighted, starts, axis=0)
    total = np.bincount(group, weight, count).astype(np.float64)  # of no rows at all it counts whole numbers
    total[total == 0] = np.nan
    return sums / total[:, None]


def _unit(means: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    # What is left of embeddings that cancel out is rounding, not a direction.
    lengths[~(lengths > 1e-9)] = np.nan
    unit: npt.NDArray[np.float32] = (means / lengths).astype(np.float32)
    return unit
