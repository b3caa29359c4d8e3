"""By how much a noisy level moved with a release, and how sure that is.

Arrays are [endpoint, run, window] as table.py lays them out: the last run is after the release. docs/releases.md states
the method.
"""

from dataclasses import dataclass

import numpy as np

from .estimate import masked_median, satterthwaite
from .expected import by_time_of_day, by_wave
from .noise import Known, autocorrelation, effective, raised, taken_up, weighted_variance
from .tails import Floats

OUTLIER = 3.0  # standard deviations to which a value is drawn in
RAISED_MATCHED, RAISED_PLAIN = 0.5, 1.0  # standard errors by which an autocorrelation is overstated
FEWEST = 4.0  # degrees of freedom of a short history; its autocorrelation is overstated already


@dataclass(frozen=True, slots=True)
class Shift:
    """By endpoint. ``base``: the level before; ``change``: after − before; its variance, and the degrees of freedom
    that this stands on; ``after``: the part of the variance that the time after has by itself. windows: that went in.
    NaN where a side has none."""

    base: Floats
    change: Floats
    variance: Floats
    freedom: Floats
    after: Floats
    windows_before: Floats
    windows_after: Floats


@dataclass(frozen=True, slots=True)
class _Noise:
    """``single``: variance of one window; ``r``: autocorrelation; ``free``: windows that the variance stands on."""

    single: Floats
    r: Floats
    free: Floats


def drawn_in(values: Floats, known: Known, matched: bool, least: Floats | float) -> Floats:
    """Values, with outliers brought to OUTLIER standard deviations (``least`` at the least) from the middle of their
    kind: before the release of their time of day (matched) or of all, after it of all.

    A slow database for ten minutes is no effect of a release, and must neither look like one nor hide one.
    """
    before, after = values[:, :-1], values[:, -1:]
    middle = masked_median(before, known[:, :-1], axis=1 if matched else 2)
    middle = np.broadcast_to(np.nan_to_num(middle), before.shape)
    against = middle[:, :1] if matched else np.zeros_like(after)
    shift = np.nan_to_num(masked_median(after - against, known[:, -1:], axis=2))
    middle = np.concatenate((middle, against + shift), axis=1)
    away = values - middle
    flat, flat_known = np.abs(away).reshape(len(values), -1), known.reshape(len(values), -1)
    # A value that is the middle itself says nothing of how far others lie from it.
    scale = 1.4826 * np.nan_to_num(masked_median(flat, flat_known & (flat > 0), axis=1))[:, :, None]
    bound = OUTLIER * np.maximum(scale, least)
    return middle + np.clip(away, -bound, bound)


def shift_of(values: Floats, known: Known, matched: bool, least: Floats | float, day: int) -> Shift:
    """``least``: the smallest standard deviation that a window is taken to have. ``day``: windows of 24 hours."""
    values = np.where(known, values, 0)
    expect = by_time_of_day if matched else by_wave
    expected = expect(values[:, :-1], known, day)
    shared = known[:, -1] & expected.held[:, -1]  # windows after that there is something to compare with
    n_after = shared.sum(axis=1).astype(np.float64)
    share = np.where(shared, 1 / np.maximum(n_after, 1)[:, None], 0)
    away = np.where(known & expected.held, values - expected.values, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        base = np.where(shared, expected.values[:, -1], 0).sum(axis=1) / n_after
        change = np.where(shared, away[:, -1], 0).sum(axis=1) / n_after
    left = np.where(shared, away[:, -1] - np.nan_to_num(change)[:, None], 0)
    known_before = known[:, :-1] & expected.held[:, :-1]
    compared = known_before & (shared[:, None] if matched else True)
    find_noise = _matched_noise if matched else _plain_noise
    noise = find_noise(away[:, :-1], known_before, compared, left, shared, np.square(least))
    single, r = noise.single, noise.r
    alone = single * weighted_variance(share[:, None], r)
    variance = alone + single * weighted_variance(np.where(compared, expected.weights(share), 0), r)
    windows = compared.sum(axis=(1, 2)).astype(np.float64)
    if not matched:
        return Shift(base, change, variance, np.maximum(effective(noise.free, r), FEWEST), alone, windows, n_after)
    inflation, days = _days_differ(away[:, :-1], known_before, n_after, r, np.square(least))
    freedom = satterthwaite((variance, noise.free * (1 - r**2) / (1 + r**2)), (variance * (inflation - 1), days))
    return Shift(base, change, variance * inflation, freedom, alone * inflation, windows, n_after)


def _matched_noise(
    residuals: Floats, known: Known, compared: Known, left: Floats, shared: Known, least: Floats | float
) -> _Noise:
    """Autocorrelation from all hours of the days before, variance from the hours that are compared."""
    r = raised(autocorrelation(residuals, known, 0, least), known, RAISED_MATCHED)
    days = compared.sum(axis=1)
    free_before = np.maximum((days - (days > 0)).sum(axis=1), 1).astype(np.float64)
    # After the release a window has the noise of its own and that of what it is held against.
    squares_after = (left * left / (1 + 1 / np.maximum(days, 1))).sum(axis=1)
    squares_before = np.where(compared, residuals**2, 0).sum(axis=(1, 2))
    free = np.maximum(free_before + _free_after(shared, r), 1)
    single = np.maximum((squares_before + squares_after) / free, squares_before / free_before)
    return _Noise(np.maximum(single, least), r, free)


def _plain_noise(
    residuals: Floats, known: Known, compared: Known, left: Floats, shared: Known, least: Floats | float
) -> _Noise:
    """Both from all there is. Means taken out: one a side, and two for the wave, whether it was taken out or not."""
    values = np.concatenate((residuals, left[:, None]), axis=1)
    where = np.concatenate((compared, shared[:, None]), axis=1)
    r = raised(autocorrelation(values, where, 4, least), where, RAISED_PLAIN)
    n_before = compared.sum(axis=(1, 2)).astype(np.float64)
    free = np.maximum(n_before - taken_up(compared, r) + _free_after(shared, r), 1)
    return _Noise(np.maximum((values**2).sum(axis=(1, 2)) / free, least), r, free)


def _free_after(shared: Known, r: Floats) -> Floats:
    return shared.sum(axis=1) - taken_up(shared[:, None], r)


def _days_differ(
    residuals: Floats, known: Known, n_after: Floats, r: Floats, least: Floats | float
) -> tuple[Floats, Floats]:
    """By how much stretches as long as the time after vary more, from day to day, than neighbouring windows explain:
    a factor of at least 1, and the degrees of freedom it stands on."""
    factor, freedom = np.ones_like(r), np.ones_like(r)
    for length in np.unique(n_after[n_after > 0]).astype(int).tolist():
        rows = np.flatnonzero(n_after == length)
        stretches = residuals.shape[2] // length
        shape = (len(rows), residuals.shape[1], stretches, length)
        whole = known[rows, :, : stretches * length].reshape(shape).all(axis=3)
        means = np.where(whole, residuals[rows, :, : stretches * length].reshape(shape).mean(axis=3), 0)
        free, free_single = (
            np.maximum((days - (days > 0)).sum(axis=1), 1) for days in (whole.sum(axis=1), known[rows].sum(axis=1))
        )
        single = (residuals[rows] ** 2).sum(axis=(1, 2)) / free_single
        single = np.maximum(single, np.broadcast_to(least, r.shape)[rows])
        expected = single * taken_up(np.ones((len(rows), 1, length), np.bool_), r[rows]) / length
        seen = (means**2).sum(axis=(1, 2)) / free
        ratio = np.divide(seen, expected, out=np.ones_like(seen), where=expected > 0)
        factor[rows], freedom[rows] = np.maximum(ratio, 1), free
    return factor, freedom
