"""A world of two projects for each module, in a transaction that is never committed; each test undoes what it did."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone

from .asking import listening
from .matrix import Matrix
from .rows import rows_of, undone
from .staff import make_rows
from .world import World, make_world


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with django_db_blocker.unblock(), undone(), listening():
        made = make_world(tmp_path_factory.mktemp("world"))
        make_rows(made.a)
        made.rows = [rows_of(tenant.project.pk, tenant.users) for tenant in made.tenants]
        yield made


@pytest.fixture
def standing_still() -> Iterator[None]:
    """What tells the time tells the same one, so that two answers can be compared byte for byte."""
    with mock.patch("django.utils.timezone.now", return_value=timezone.now()):
        yield


@pytest.fixture
def matrix(request: pytest.FixtureRequest, world: World) -> Iterator[Matrix]:
    """Of the route that the test names; fails with all that was wrong together."""
    made = Matrix(request.param, world)
    yield made
    assert not made.wrong, "\n".join(["", *made.wrong])
