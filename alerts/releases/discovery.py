"""Many tests at once: the false discovery rate of Benjamini and Hochberg (1995)."""

import numpy as np

from .tails import Floats


def q_values(p: Floats) -> Floats:
    """For each p the smallest rate of false discoveries at which it would be one; NaN, no test, stays NaN.

    Those with q at most alpha are what the procedure of Benjamini and Hochberg rejects at alpha.
    """
    q = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    if not len(tested):
        return q
    order = tested[np.argsort(p[tested], kind="stable")]
    raised = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(1.0, np.minimum.accumulate(raised[::-1])[::-1])
    return q
