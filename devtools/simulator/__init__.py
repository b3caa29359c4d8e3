"""Believable, repeatable traffic of an invented shop, for the demo project and for tests."""

from devtools.simulator.generate import generate

__all__ = ["generate"]
