"""Every channel is whole: a folder, a line, a section of the documentation, and a form that people can fill in."""

import json
import re
from pathlib import Path

import pytest

from alerts.transports.base import KINDS, ConfigError
from alerts.transports.registry import TRANSPORTS, transport_of
from alerts.transports.webhook.transport import body_of
from tests.alerts.transports.samples import NOW, RAISED

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = sorted(path.parent.name for path in (ROOT / "alerts" / "transports").glob("*/transport.py"))
DOCUMENT = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL))


def test_every_folder_is_registered():
    assert sorted(TRANSPORTS) == FOLDERS
    assert FOLDERS == ["alertmanager", "email", "pagerduty", "slack", "teams", "webhook"]
    with pytest.raises(KeyError):
        transport_of("pigeon")


@pytest.mark.parametrize("kind", FOLDERS)
def test_it_knows_its_name(kind):
    transport = transport_of(kind)
    assert transport.kind == kind
    assert transport.title
    assert {"raised", "resolved", "test"} <= transport.takes <= set(KINDS)


@pytest.mark.parametrize("kind", FOLDERS)
def test_its_section_names_every_field(kind):
    transport = transport_of(kind)
    section = SECTIONS[transport.title]
    for field in transport.fields:
        assert re.search(rf"^\| [^|]*\b{re.escape(field.label)}\b[^|]* \|", section, re.MULTILINE), field.label


@pytest.mark.parametrize("kind", FOLDERS)
def test_its_form_says_what_to_enter(kind):
    fields = transport_of(kind).fields
    assert len({field.name for field in fields}) == len(fields)
    for field in fields:
        assert field.label
        assert field.help.endswith(".") or "https://" in field.help
        assert bool(field.choices) == (field.kind == "choice")


@pytest.mark.parametrize("kind", FOLDERS)
def test_an_empty_form_names_its_first_missing_field(kind):
    transport = transport_of(kind)
    with pytest.raises(ConfigError) as caught:
        transport.check({})
    missing = next(field for field in transport.fields if field.name == caught.value.field)
    assert missing.required
    assert missing.label in caught.value.text


def test_the_settings_and_types_are_documented():
    for name in ("ALERTS_ALLOWED_NETWORKS", "ALERTS_ALLOWED_PORTS", *(f"`{kind}`" for kind in KINDS)):
        assert name in DOCUMENT


def test_the_example_of_a_webhook_has_the_fields_that_are_sent():
    example = json.loads(re.search(r"```json\n(.*?)```", SECTIONS["Webhook"], re.DOTALL)[1])
    sent = body_of(RAISED, NOW)
    assert set(example) == set(sent)
    assert set(example["data"]) == set(sent["data"])
    assert set(example["data"]["incident"]) == set(sent["data"]["incident"])
    assert example["data"]["sentence"] == RAISED.sentence
