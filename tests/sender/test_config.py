"""ENDPOINT_STATS, read and checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from endpoint_stats_sender.config import NAMES, Config, ConfigError, read

GIVEN = {"URL": "https://stats.example.org", "KEY": "es_1.secret"}


def test_defaults():
    assert read(GIVEN, {}) == Config(url="https://stats.example.org", key="es_1.secret")


def test_everything():
    more = {
        "SERVICE": "shop", "VERSION": "1.4.2", "CONSUMER": "shop.who.consumer", "IGNORE": ["^/health"], "ENABLED": True,
        "TIMEOUT": 2, "MAX_QUEUE": 100, "MAX_BATCH": 10, "INTERVAL": 0.5, "FLUSH_SECONDS": 1, "TRANSPORT": None,
    }  # fmt: skip
    found = read(GIVEN | more, {})
    assert found.ignore == ("^/health",)
    assert (found.service, found.max_queue, found.interval, found.transport) == ("shop", 100, 0.5, "")


def test_address_and_key_may_come_from_the_environment_and_the_settings_win():
    environ = {"ENDPOINT_STATS_URL": "https://other.example.org", "ENDPOINT_STATS_KEY": "es_2.secret"}
    assert read({}, environ).key == "es_2.secret"
    assert read({"KEY": ""}, environ).url == "https://other.example.org"
    assert read(GIVEN, environ).key == "es_1.secret"


def test_another_transport_needs_neither():
    assert read({"TRANSPORT": "shop.stats.Transport"}, {}).transport == "shop.stats.Transport"


def test_the_key_is_never_shown():
    assert "secret" not in repr(read(GIVEN, {}))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "URL and KEY missing"),
        ({"URL": "https://stats.example.org"}, "KEY missing"),
        ({**GIVEN, "SERVICES": "shop"}, "SERVICES: there is no such name"),
        ({**GIVEN, "SERVICE": 7}, "SERVICE must be a string"),
        ({**GIVEN, "IGNORE": "^/health"}, "IGNORE must be a list"),
        ({**GIVEN, "IGNORE": 7}, "IGNORE must be a list"),
        ({**GIVEN, "IGNORE": ["("]}, "is no regular expression"),
        ({**GIVEN, "MAX_QUEUE": 0}, "MAX_QUEUE must be a positive whole number"),
        ({**GIVEN, "MAX_BATCH": 1.5}, "MAX_BATCH must be a positive whole number"),
        ({**GIVEN, "INTERVAL": "1"}, "INTERVAL must be a positive number"),
        ({**GIVEN, "TIMEOUT": True}, "TIMEOUT must be a positive number"),
        (["URL"], "it must be a dictionary"),
    ],
)
def test_what_is_wrong_is_said(given, message):
    with pytest.raises(ConfigError, match=message):
        read(given, {})


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_setting_is_documented(name):
    page = Path(__file__).resolve().parents[2] / "docs/senders.md"
    table = page.read_text(encoding="utf-8").partition("| setting |")[2].partition("\n\n")[0]
    assert f"`{name}`" in table
