"""Numbers that came as JSON's: whole columns at once. The decoders of single values (values.py) are the reference, and
are asked wherever a result could differ from theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from endpoint_stats.aggregate.fold import NO_DURATION

from .lines import Bools, Ints
from .values import MAX_DURATION, MAX_SIZE

_NUMBERS = {int, float, type(None)}
_EXACT = 2.0**53  # up to here each whole number is a float
_CLEAR = 0.49  # from the next whole number: nearer to the half, decimal and binary could round apart


def _floats(column: Sequence[Any]) -> npt.NDArray[np.float64] | None:
    """float64[n], NaN for None; None where not all are numbers."""
    if not set(map(type, column)) <= _NUMBERS:
        return None
    try:
        return np.array(column, np.float64)
    except OverflowError:  # an integer past every float
        return None


def _unknown(column: Sequence[Any]) -> tuple[Ints, Bools]:
    return np.zeros(len(column), np.int64), np.zeros(len(column), bool)


def seconds(column: Sequence[Any]) -> tuple[Ints, Bools]:
    """Nanoseconds of seconds; NO_DURATION for None."""
    found = _floats(column)
    if found is None:
        return _unknown(column)
    missing = np.isnan(found)
    scaled = np.where(missing | (np.abs(found) > MAX_DURATION / 1e9 + 1), -1.0, found) * 1e9
    whole = np.rint(scaled)
    known = (whole >= 0) & (whole <= MAX_DURATION) & (np.abs(scaled - whole) < _CLEAR)
    return np.where(missing, NO_DURATION, np.where(known, whole, 0.0).astype(np.int64)), known | missing


def sizes(column: Sequence[Any]) -> tuple[Ints, Bools]:
    """Bytes; 0 for None."""
    found = _floats(column)
    if found is None:
        return _unknown(column)
    missing = np.isnan(found)
    found = np.where(missing, 0.0, found)
    known = (found >= 0) & (found < min(_EXACT, MAX_SIZE)) & (found == np.floor(found))
    return np.where(known, found, 0.0).astype(np.int64), known
