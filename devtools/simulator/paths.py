"""Fills the parameters of a route with ids, UUIDs and words of the story."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from devtools.simulator import vocabulary


def fill_paths(rng: np.random.Generator, template: str, n: int, hour: int) -> list[str]:
    """`n` paths of one template; `hour` counts from the start of the range, numeric ids rise with it."""
    paths = [template] * n
    for name, fill in _FILLERS.items():
        if name in template:
            values = fill(rng, n, hour)
            paths = [path.replace(name, value) for path, value in zip(paths, values, strict=True)]
    return paths


def _numbers(rng: np.random.Generator, n: int, base: int, spread: int) -> list[str]:
    """Ids below `base`, recent ones more often."""
    return [str(base - back) for back in (spread * rng.random(n) ** 3).astype(np.int64).tolist()]


def _uuids(rng: np.random.Generator, n: int) -> list[str]:
    text = rng.bytes(16 * n).hex()
    whole = [text[i : i + 32] for i in range(0, 32 * n, 32)]
    return [f"{t[:8]}-{t[8:12]}-4{t[13:16]}-a{t[17:20]}-{t[20:]}" for t in whole]  # version 4


def _words(rng: np.random.Generator, n: int, words: tuple[str, ...]) -> list[str]:
    """Words from a list, the first ones more often."""
    return [words[i] for i in (len(words) * rng.random(n) ** 2).astype(np.int64).tolist()]


def _slugs(rng: np.random.Generator, n: int) -> list[str]:
    pairs = zip(_words(rng, n, vocabulary.SLUG_FIRST), _words(rng, n, vocabulary.SLUG_SECOND), strict=True)
    return [f"{first}-{second}" for first, second in pairs]


def _skus(rng: np.random.Generator, n: int) -> list[str]:
    numbers = (1800 * rng.random(n) ** 2).astype(np.int64).tolist()
    return [f"HB-{10_000 + 37 * number}" for number in numbers]


_FILLERS: dict[str, Callable[[np.random.Generator, int, int], list[str]]] = {
    "{id}": lambda rng, n, hour: _numbers(rng, n, 810_000 + 60 * hour, 40_000),
    "{address_id}": lambda rng, n, hour: _numbers(rng, n, 96_000 + 5 * hour, 9_000),
    "{uuid}": lambda rng, n, hour: _uuids(rng, n),
    "{sku}": lambda rng, n, hour: _skus(rng, n),
    "{slug}": lambda rng, n, hour: _slugs(rng, n),
    "{category}": lambda rng, n, hour: _words(rng, n, vocabulary.CATEGORIES),
    "{post}": lambda rng, n, hour: _words(rng, n, vocabulary.BLOG_POSTS),
    "{topic}": lambda rng, n, hour: _words(rng, n, vocabulary.HELP_TOPICS),
    "{asset}": lambda rng, n, hour: _words(rng, n, vocabulary.ASSETS),
    "{scan}": lambda rng, n, hour: _words(rng, n, vocabulary.SCANS),
}
