"""How a level moved: the numbers, computed anew with plain loops from what docs/releases.md says."""

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from alerts.releases.shift import drawn_in, shift_of

DAY = 24


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def mean_factor(n: int, r: float) -> float:
    """Variance of a mean of n windows with autocorrelation r^distance, each of variance 1."""
    return sum(r ** abs(i - j) for i in range(n) for j in range(n)) / n**2


def by_hand(days: list[list[float]], after: list[float], least: float) -> tuple[float, float, float]:
    """Change, its variance, degrees of freedom: nothing missing, one window an hour."""
    count, n = len(days), len(after)
    centre = [mean([day[hour] for day in days]) for hour in range(DAY)]
    left = [[day[hour] - centre[hour] for hour in range(DAY)] for day in days]
    change = mean([after[hour] - centre[hour] for hour in range(n)])
    products = sum(a * b for day in left for a, b in pairwise(day))
    squares = sum((a * a + b * b) / 2 for day in left for a, b in pairwise(day))
    r = max(products / squares, 0.0)
    r = min(r + 0.5 * math.sqrt((1 - r * r) / (DAY * count)), 0.98)
    squares_before = sum(day[hour] ** 2 for day in left for hour in range(n))
    squares_after = sum((after[hour] - centre[hour] - change) ** 2 for hour in range(n)) / (1 + 1 / count)
    free_before = n * (count - 1)
    free = free_before + n - n * mean_factor(n, r)
    single = max((squares_before + squares_after) / free, squares_before / free_before, least**2)
    variance = single * mean_factor(n, r) * (1 + 1 / count)
    stretches = [(day, first) for day in left for first in range(0, DAY - n + 1, n)]
    seen_free = (count - 1) * (DAY // n)
    seen = sum(mean(day[first : first + n]) ** 2 for day, first in stretches) / seen_free
    everywhere = sum(one**2 for day in left for one in day) / (DAY * (count - 1))
    factor = max(1.0, seen / (everywhere * mean_factor(n, r)))
    parts = [(variance, free * (1 - r**2) / (1 + r**2)), (variance * (factor - 1), seen_free)]
    total = sum(part for part, _ in parts)
    freedom = total**2 / sum(part**2 / max(below, 1) for part, below in parts)
    return change, total, min(max(freedom, 1), 1_000)


@pytest.mark.parametrize("seed", range(12))
def test_matched_by_time_of_day(seed: int) -> None:
    source = random.Random(seed)
    count, n = source.choice([3, 5, 7]), source.choice([4, 6, 8, 24])
    phi, day_noise = source.choice([0.0, 0.5, 0.8]), source.choice([0.0, 0.5])

    def wandering(length: int) -> list[float]:
        level, found, shift = 0.0, [], source.gauss(0, day_noise)
        for hour in range(length):
            level = phi * level + source.gauss(0, 1)
            found.append(level + shift + 3 * math.sin(hour / 4))
        return found

    days, after = [wandering(DAY) for _ in range(count)], [one + 1.3 for one in wandering(n)]
    values, known = np.zeros((1, count + 1, DAY)), np.zeros((1, count + 1, DAY), np.bool_)
    values[0, :-1], known[0, :-1] = days, True
    values[0, -1, :n], known[0, -1, :n] = after, True
    found = shift_of(values, known, True, 0.01, DAY)
    change, variance, freedom = by_hand(days, after, 0.01)
    assert found.change[0] == pytest.approx(change)
    assert found.variance[0] == pytest.approx(variance)
    assert found.freedom[0] == pytest.approx(freedom)
    assert (found.windows_before[0], found.windows_after[0]) == (count * n, n)


def regression(before: list[float], after: list[float], wave: bool) -> float:
    """What the time after is above what goes on from before, by numpy's least squares."""

    def rows(first: int, length: int) -> np.ndarray:
        angle = 2 * np.pi * np.arange(first, first + length) / DAY
        columns = [np.ones(length), np.sin(angle), np.cos(angle)]
        return np.stack(columns if wave else columns[:1], axis=1)

    solution = np.linalg.lstsq(rows(-len(before), len(before)), np.array(before), rcond=None)[0]
    return float((np.array(after) - rows(0, len(after)) @ solution).mean())


@pytest.mark.parametrize(("hours", "wave"), [(24, True), (40, True), (12, False), (6, False)])
def test_a_short_history_is_carried_on(hours: int, wave: bool) -> None:
    source = random.Random(hours)
    before = [source.gauss(math.sin(2 * math.pi * hour / DAY), 0.3) for hour in range(-hours, 0)]
    after = [source.gauss(math.sin(2 * math.pi * hour / DAY) + 0.7, 0.3) for hour in range(6)]
    size = max(hours, 6)
    values, known = np.zeros((1, 2, size)), np.zeros((1, 2, size), np.bool_)
    values[0, 0, size - hours :], known[0, 0, size - hours :] = before, True
    values[0, 1, :6], known[0, 1, :6] = after, True
    assert shift_of(values, known, False, 0.01, DAY).change[0] == pytest.approx(regression(before, after, wave))


@pytest.mark.parametrize(("runs", "matched"), [(8, True), (2, False)])
def test_where_windows_are_independent_it_agrees_with_welch(runs: int, matched: bool) -> None:
    """Not equal: it pays for what it allows for. But what the one finds for sure the other finds, and no more."""
    generator = np.random.default_rng(5)
    values = generator.normal(size=(400, runs, 24)) + 1e-9
    values[200:, -1, :12] += 1.0
    known = np.ones(values.shape, np.bool_)
    known[:, -1, 12:] = False
    found = shift_of(values, known, matched, 0.01, 24)
    p = 2 * stats.t.sf(np.abs(found.change / np.sqrt(found.variance)), found.freedom)
    before = values[:, :-1, :12] if matched else values[:, :-1]
    welch = stats.ttest_ind(values[:, -1, :12], before.reshape(400, -1), axis=1).pvalue
    assert (p[:200] < 0.05).mean() < 0.06
    assert np.corrcoef(np.log(p), np.log(welch))[0, 1] > 0.8
    assert (p[welch < 1e-4] < 0.05).mean() > 0.95 if matched else (p[welch < 1e-4] < 0.05).mean() > 0.8


def test_outliers_are_drawn_in_and_the_rest_stays() -> None:
    generator = np.random.default_rng(6)
    values = generator.uniform(-1, 1, (1, 8, 24))
    known = np.ones(values.shape, np.bool_)
    spoiled = values.copy()
    spoiled[0, 2, 5] = 40.0
    spoiled[0, -1, 7] = -40.0
    found = drawn_in(spoiled, known, True, 0.0)
    untouched = np.ones(values.shape, np.bool_)
    untouched[0, :, 5] = untouched[0, :, 7] = False  # their middles have moved a little
    same = np.abs(found - values)[untouched & (np.arange(8) < 7)[None, :, None]]
    assert same.max() < 1e-12
    assert 1 < found[0, 2, 5] < 3.5
    assert -3.5 < found[0, -1, 7] < -1


def test_a_changed_level_is_no_outlier() -> None:
    generator = np.random.default_rng(7)
    values = generator.uniform(-1, 1, (1, 8, 24))
    values[0, -1] += 50
    found = drawn_in(values, np.ones(values.shape, np.bool_), True, 0.0)
    assert found[0, -1].mean() == pytest.approx(values[0, -1].mean(), abs=0.1)
