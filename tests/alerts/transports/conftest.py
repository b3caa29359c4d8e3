"""The receivers of the tests of outgoing HTTP."""

from tests.alerts.outgoing.conftest import make_raw, receiver

__all__ = ["make_raw", "receiver"]
