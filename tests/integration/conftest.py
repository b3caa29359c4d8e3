"""Importing what a test writes: all at once or in small pieces, compacted or left in the journal."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endpoint_stats.ingest import importer
from endpoint_stats.ingest.places import GRID
from endpoint_stats.ingest.run import Outcome
from tests.integration.lines import join
from tests.integration.product import Files, import_file


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of one grid step: small files take as many commits as large ones do."""
    monkeypatch.setattr(importer, "PIECE", GRID)


@pytest.fixture
def load(tmp_path: Path, exact: Any) -> Files:
    """Imports into ``exact``."""
    return Files(tmp_path, exact)


@pytest.fixture
def load_into(tmp_path: Path) -> Callable[..., Outcome]:
    """``load_into(project, lines, **options)``: each time another file."""
    numbers = itertools.count(1)

    def load(project: Any, lines: list[bytes], **options: Any) -> Outcome:
        path = tmp_path / f"{next(numbers)}.log"
        path.write_bytes(join(lines))
        outcome = import_file(project, path, **options)
        assert not outcome.error
        return outcome

    return load


@pytest.fixture
def in_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports leave what they add in the journal."""
    monkeypatch.setattr(importer, "PIECE", GRID)
    monkeypatch.setattr(importer, "compact", lambda project_id: 0)
    monkeypatch.setattr(importer, "compact_when_due", lambda project_id: None)
