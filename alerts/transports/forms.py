"""Values of a channel's form, checked."""

from collections.abc import Sequence

from alerts.outgoing import OutgoingError, Target, target_of

from .base import Config, ConfigError, Field


def value_of(config: Config, field: Field) -> str:
    """A single value, without spaces around it. Raises ConfigError where it is missing or no choice."""
    value = str(config.get(field.name, "")).strip()
    if not value and field.required:
        raise ConfigError(field.name, f"{field.label} is missing. {field.help}")
    if field.kind == "choice" and value and value not in [choice for choice, _ in field.choices]:
        known = ", ".join(choice for choice, _ in field.choices)
        raise ConfigError(field.name, f"{field.label} must be one of {known}.")
    return value


def values_of(config: Config, field: Field, most: int) -> list[str]:
    """Several values, one a line or parted by commas, each once. Raises ConfigError for none or too many."""
    texts = value_of(config, field).replace(",", "\n").split("\n")
    found = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if not found and field.required:
        raise ConfigError(field.name, f"{field.label} is missing. {field.help}")
    if len(found) > most:
        raise ConfigError(field.name, f"{field.label}: at most {most} can be given. Make another channel for more.")
    return found


def check_url(field: Field, url: str, *, https: bool = False, hosts: Sequence[str] = ()) -> Target:
    """What ``url`` leads to. https: plain http is refused. hosts: those that are meant. Raises ConfigError."""
    try:
        target = target_of(url)
    except OutgoingError as error:
        raise ConfigError(field.name, error.text) from None
    if https and target.scheme != "https":
        raise ConfigError(field.name, "The URL is a secret and goes by https only. Begin it with https://.")
    if hosts and target.host not in hosts:
        raise ConfigError(field.name, f"The URL must begin with https://{hosts[0]}/. {field.help}")
    return target
