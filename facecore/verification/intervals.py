"""How sure a rate is that was counted on finitely many pairs."""

import math
from statistics import NormalDist


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a proportion.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference"; recommended over the
    textbook interval by Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion". It never
    collapses to [0, 0], and it takes the trials as independent: where people or photos appear in many pairs it is too
    narrow.

    Args:
        successes: 0 to `n`.
        n: number of trials, at least 1.
        level: confidence, between 0 and 1.

    Returns:
        Lower and upper end, both in [0, 1].

    Raises:
        ValueError: no trials, more successes than trials, or a level outside (0, 1).
    """
    if n < 1:
        raise ValueError(f"an interval needs at least one trial, not {n}")
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials are not possible")
    return wilson_at(successes / n, n, level)


def wilson_at(rate: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """`wilson` for a rate that is worth `n` independent trials, not necessarily a whole number of them.

    Source of its use with an effective number of trials: Fogliato, Patil and Perona 2024, "Confidence intervals for
    error rates in 1:1 matching tasks", arXiv 2306.01198.

    Args:
        rate: 0 to 1.
        n: over 0.
        level: confidence, between 0 and 1.

    Raises:
        ValueError: a rate outside [0, 1], no trials, or a level outside (0, 1).
    """
    if not 0 <= rate <= 1 or not n > 0:
        raise ValueError(f"a rate lies from 0 to 1 and rests on more than 0 trials, not {rate} on {n}")
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not at {level}")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # At the ends the formula gives exactly 0 and 1; rounding must not leave a crumb there.
    low = 0.0 if rate == 0 else max(0.0, centre - half)
    high = 1.0 if rate == 1 else min(1.0, centre + half)
    return low, high
