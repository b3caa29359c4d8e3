"""What a level would be after a release if it went on as before: by the time of day, or by a wave of 24 hours.

Arrays are [endpoint, run, window]; the last run is after the release.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .noise import Known
from .tails import Floats

FEW_DAYS = 2  # with a window, before it is known what is usual at its time of day
ENOUGH_OF_A_DAY = 0.75  # of the windows of 24 hours, before a wave is fitted


@dataclass(frozen=True, slots=True)
class Expected:
    """``values`` of all runs, where they are ``held``. ``weights``: for weights of the windows after,
    [endpoint, window], those by which the windows before enter the mean of what is expected, with the sign reversed."""

    values: Floats
    held: Known
    weights: Callable[[Floats], Floats]


def by_time_of_day(before: Floats, known: Known, day: int) -> Expected:
    """The mean of the same window on the days before; each run is a day."""
    days = known[:, :-1].sum(axis=1, keepdims=True)
    centre = before.sum(axis=1, keepdims=True) / np.maximum(days, 1)

    def weights(share: Floats) -> Floats:
        return np.broadcast_to(-share[:, None] / np.maximum(days, 1), before.shape)

    return Expected(np.broadcast_to(centre, known.shape), np.broadcast_to(days >= FEW_DAYS, known.shape), weights)


def by_wave(before: Floats, known: Known, day: int) -> Expected:
    """A mean and, where most of a day is known, sine and cosine of 24 hours, by least squares; two runs, the first of
    which ends where the other begins."""
    size = before.shape[2]
    angle = 2 * np.pi * np.arange(-size, size) / day
    basis = np.stack((np.ones(2 * size), np.sin(angle), np.cos(angle)), axis=1)
    first, second = basis[:size], basis[size:]
    where = known[:, 0].astype(np.float64)
    waves = where[:, -day:].sum(axis=1) >= ENOUGH_OF_A_DAY * day
    gram = np.einsum("en,ni,nj->eij", where, first, first)
    gram[~waves] *= np.array([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]])
    gram += np.where(waves[:, None, None], 1e-9, 1.0) * np.diag([0.0, 1, 1]) + np.diag([1e-9, 0, 0])
    solve = np.einsum("eij,en,nj->ein", np.linalg.inv(gram), where, first)
    solve[~waves, 1:] = 0
    fitted = np.einsum("ein,en->ei", solve, before[:, 0])
    values = np.stack((fitted @ first.T, fitted @ second.T), axis=1)
    held = np.broadcast_to(where.any(axis=1)[:, None, None], known.shape)

    def weights(share: Floats) -> Floats:
        return -np.einsum("ei,ein->en", share @ second, solve)[:, None]

    return Expected(values, held, weights)
