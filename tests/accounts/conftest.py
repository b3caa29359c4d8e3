import pytest


@pytest.fixture(autouse=True)
def time_of_codes(clock):
    """A code is good in its half minute, which may be about to end."""
