"""Receivers that end with their test, and certificates of an authority that nobody else trusts."""

import pytest

from tests.alerts.outgoing.certificates import Authority
from tests.alerts.outgoing.receiver import Raw, Receiver


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def make_raw():
    """``make_raw(talk=None)``: a listener that counts who connects."""
    made = []

    def make(talk=None):
        made.append(Raw(talk))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))
