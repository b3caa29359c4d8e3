"""The form of a channel, made of what its transport asks for."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms

from alerts.models import Channel
from alerts.services.entering import LONGEST, MEMBERS, Entered, fields_of, secrets_of
from alerts.transports.base import Field

LINES = ("urls", "emails")
NOBODY = "Nobody else"


class ChannelForm(forms.Form):
    """``channel``: the one that is changed. Secrets are never put into the page again: what is set says so."""

    name = forms.CharField(max_length=100, label="What it is called")

    def __init__(self, kind: str, others: Sequence[Channel], channel: Channel | None, data: Any = None) -> None:
        self.kind, self.asked = kind, fields_of(kind)
        super().__init__(data, initial=_held(channel))
        held = secrets_of(channel) if channel is not None else {}
        for field in self.asked:
            self.fields[field.name] = _field(field, bool(held.get(field.name)), kind == "email")
            if field.secret and not field.required and held.get(field.name):
                self.fields[f"clear-{field.name}"] = forms.BooleanField(
                    required=False, label=f"Forget the {field.label.lower()}"
                )
        if kind == "email":
            self.fields["members"] = forms.ChoiceField(
                choices=[("", NOBODY), *MEMBERS.items()], required=False, label="And of the project",
                help_text="Whoever is that when it is sent.",
            )  # fmt: skip
        self.fields["next"] = forms.ChoiceField(
            choices=[("", "Nobody"), *((str(one.pk), one.name) for one in others if one != channel)],
            required=False, label="Where it fails, tell",
            help_text="At once where a message is refused for good, else after three tries.",
        )  # fmt: skip

    def entered(self) -> Entered:
        given = self.cleaned_data
        return Entered(
            given["name"],
            {field.name: given[field.name] for field in self.asked},
            given.get("members", ""),
            UUID(given["next"]) if given["next"] else None,
            frozenset(field.name for field in self.asked if given.get(f"clear-{field.name}")),
        )


def _held(channel: Channel | None) -> dict[str, Any]:
    if channel is None:
        return {}
    return channel.config | {"name": channel.name, "next": str(channel.next_id or "")}


def _field(asked: Field, held: bool, of_mail: bool) -> forms.Field:
    said = "It is set, and not shown again. Leave this empty to keep it." if held else asked.help
    more: dict[str, Any] = {
        "label": f"{asked.label} (set)" if held else asked.label,
        "help_text": said,
        "required": asked.required and not held and not of_mail,
    }
    if asked.kind == "choice":
        return forms.ChoiceField(choices=asked.choices, **more)
    widget: forms.Widget = forms.TextInput(attrs={"autocomplete": "off"})
    if asked.secret:
        widget = forms.PasswordInput(attrs={"autocomplete": "off"})
    elif asked.kind in LINES:
        widget = forms.Textarea(attrs={"rows": 3})
    elif asked.kind == "url":
        widget = forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off"})
    return forms.CharField(max_length=LONGEST, widget=widget, **more)
