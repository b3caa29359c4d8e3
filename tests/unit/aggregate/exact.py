"""What the sketch promises, in exact integers: no logarithm, no float, nothing of the product."""

from bisect import bisect_left
from fractions import Fraction
from math import ceil

GAMMA = Fraction(101, 99)  # (1 + 1 %) / (1 - 1 %)
LAST_SLOT = 2045
UNTIMED = 2046
HEADER = 2047


def _floors() -> list[int]:
    """floor(gamma^i) for i = 0 … 2044: a whole number x is at most gamma^i exactly when it is at most that."""
    numerator, denominator, floors = 1, 1, []
    for _ in range(LAST_SLOT):
        floors.append(numerator // denominator)
        numerator *= 101
        denominator *= 99
    return floors


EDGES = _floors()


def slot_of(nanoseconds: int) -> int:
    """0 for zero, else 1 + the smallest i with nanoseconds <= gamma^i; the last slot takes the rest."""
    return 0 if nanoseconds <= 0 else min(bisect_left(EDGES, nanoseconds) + 1, LAST_SLOT)


def nearest_rank(values: list[int], quantile: str) -> int:
    """The nearest-rank quantile of the values themselves; ``quantile`` as decimal text."""
    ordered = sorted(values)
    return ordered[max(ceil(Fraction(quantile) * len(ordered)), 1) - 1]
