"""A test of a channel: one attempt now, while somebody waits for what comes of it."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError

from accounts.models import User
from accounts.sign_in.limits import Limit, count
from alerts.dispatch import deliver
from alerts.dispatch.message import test_message
from alerts.models import Attempt, Channel
from alerts.outgoing import Answer, OutgoingError
from alerts.transports.base import Context
from endpoint_stats.ids import uuid7

TESTS = Limit(10, timedelta(minutes=1))  # of a project
SECONDS = 15.0  # for all that one test asks for together


def send_a_test(channel: Channel, now: datetime, *, by: User) -> Attempt:
    """Also by a channel that is switched off. Raises ValidationError where there were too many just now."""
    if not count(TESTS, now, "test of a channel", channel.project_id):
        raise ValidationError(f"{TESTS.most} tests a minute are the most. Wait a minute, then try again.")
    message = test_message(channel, str(uuid7()), now)
    outcome = deliver.send(channel, message, now, within(SECONDS))
    return deliver.note(channel, outcome, now, by=by)


def within(seconds: float) -> Context:
    """What a transport works with, whose requests end after so many seconds together."""
    until = time.monotonic() + seconds

    def http(method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        left = until - time.monotonic()
        if left <= 0:
            raise OutgoingError("timeout", f"There was no answer within {seconds:g} seconds. Try again later.")
        return deliver.context(left).http(method, url, headers=headers, body=body)

    usual = deliver.context(seconds)
    return Context(http, usual.mail, usual.base_url)
