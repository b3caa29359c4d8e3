"""Prometheus' Alertmanager, one or a cluster of them, by its API v2."""

import base64
from datetime import datetime

from ..base import ALERTS, Config, ConfigError, Context, Failed, Field, Message, Refused, Sent
from ..forms import check_url, value_of, values_of
from ..http import json_bytes, judge, post
from .alerts import alerts

URLS = Field(
    "urls",
    "URLs",
    "Of each member of a cluster, one a line, like https://alertmanager.example.org. One inside your network must be "
    "allowed by the operator (ALERTS_ALLOWED_NETWORKS).",
    "urls",
)
USER = Field("username", "User", "If it asks for one (HTTP basic authentication).", required=False)
PASSWORD = Field("password", "Password", "That goes with the user.", secret=True, required=False)
MOST = 3  # they are told one after another, and each may take its time


class Alertmanager:
    kind = "alertmanager"
    title = "Alertmanager"
    fields = (URLS, USER, PASSWORD)
    takes = ALERTS

    def check(self, config: Config) -> None:
        for url in values_of(config, URLS, MOST):
            target = check_url(URLS, url)
            if "?" in target.path:
                raise ConfigError(URLS.name, "A URL with a query is no base URL. Leave out ? and what follows.")
        if ":" in value_of(config, USER):
            raise ConfigError(USER.name, "A user's name has no colon. Enter the password in its own field.")

    def send(self, config: Config, message: Message, *, now: datetime, context: Context) -> Sent:
        """To every member, since they tell each other of notifications and not of alerts; taken where one of them has
        taken it, as Prometheus has it."""
        self.check(config)
        if message.kind not in self.takes:
            raise Refused("Alertmanager takes alerts and no news. Choose another channel for news.")
        body = json_bytes(alerts(message, now))
        sent: list[Sent] = []
        errors: list[Refused | Failed] = []
        for url in values_of(config, URLS, MOST):
            try:
                sent.append(judge(post(context, _address(url), body, _headers(config)), now=now))
            except (Refused, Failed) as error:
                errors.append(error)
        if not sent:
            raise next((error for error in errors if isinstance(error, Failed)), errors[0])
        missed = "; ".join(error.text for error in errors)
        return Sent(sent[0].status, f"{len(errors)} of the members did not take it: {missed}" if missed else "taken")


def _address(url: str) -> str:
    return url.rstrip("/").removesuffix("/api/v2/alerts") + "/api/v2/alerts"


def _headers(config: Config) -> dict[str, str]:
    user = value_of(config, USER)
    if not user:
        return {}
    pair = f"{user}:{value_of(config, PASSWORD)}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}
