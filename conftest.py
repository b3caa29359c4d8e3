"""Registers the suite's own plugins; fixtures stand in tests/conftest.py."""

pytest_plugins = ["tests.plugins.notrun"]
