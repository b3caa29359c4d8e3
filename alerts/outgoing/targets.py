"""From a URL to what is connected to: scheme, host, port and the request's own path. Nothing is looked up here."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

import idna

from .addresses import Address
from .errors import OutgoingError

LONGEST_URL = 2_000
# Where webhooks are served; another one on the public internet is more likely somebody else's service.
PORTS = frozenset({443, 8443})

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# What the system's resolver would take for a number: 2130706433, 0x7f.1, 0177.0.0.1, 127.1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """host: in ASCII, lower case, without brackets and final dot. address: where the host is one itself. path: with
    the query, as it is sent."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None = None

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def target_of(url: str) -> Target:
    """Read a URL. Raises OutgoingError for whatever is not plainly one: what two readers could take for different
    hosts is refused, not guessed."""
    if not isinstance(url, str) or not url or len(url) > LONGEST_URL:
        raise OutgoingError("url", f"A URL has 1 to {LONGEST_URL} characters, like https://example.org/hook.")
    if any(char.isspace() or not char.isprintable() or char in '\\"<>^`{|}' for char in url):
        raise OutgoingError("url", "The URL has a space or a character that must be percent-encoded. Encode it.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutgoingError("url", "This is no URL. Write it like https://example.org/hook.") from None
    if parts.scheme not in ("https", "http"):
        raise OutgoingError("scheme", "Requests are sent by https. Begin the URL with https://.")
    if "@" in parts.netloc:
        raise OutgoingError("credentials", "A URL with user and password is not sent to. Leave out what ends with @.")
    host, address = _host(parts)
    if port == 0:
        raise OutgoingError("port", "Port 0 cannot be connected to. Name the port of the service.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise OutgoingError("url", "Path and query must be ASCII. Percent-encode other characters.")
    return Target(parts.scheme, host, port or _default_port(parts.scheme), path, address)


def check_port(target: Target, ports: Collection[int] | None) -> None:
    """Raises OutgoingError for a port that is not among ``ports``; None allows any."""
    if ports is not None and target.port not in ports:
        known = ", ".join(str(port) for port in sorted(ports))
        raise OutgoingError(
            "port",
            f"Port {target.port} is not sent to; {known} are. An operator may add it (ALERTS_ALLOWED_PORTS), or allow "
            "the network of an internal service (ALERTS_ALLOWED_NETWORKS).",
        )


def _host(parts: SplitResult) -> tuple[str, Address | None]:
    name = parts.hostname or ""
    if parts.netloc.startswith("["):
        return _literal_ipv6(name)
    ascii_name = _in_ascii(name).removesuffix(".")
    if not ascii_name or len(ascii_name) > 253:
        raise _no_host()
    labels = ascii_name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _literal_ipv4(ascii_name)
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise _no_host()
    return ascii_name, None


def _no_host() -> OutgoingError:
    return OutgoingError("host", "The URL names no valid host. Write it like https://example.org/hook.")


def _in_ascii(name: str) -> str:
    if name.isascii():
        return name.lower()
    try:
        # The mapping of browsers (UTS 46): digits of any script become those of ASCII before they are looked at.
        return idna.encode(name, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        raise _no_host() from None


def _literal_ipv4(text: str) -> tuple[str, Address]:
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise OutgoingError(
            "host",
            "The host is a number, or an address in a form of its own. Write an address as 192.0.2.1, or a name.",
        ) from None
    return str(address), address


def _literal_ipv6(text: str) -> tuple[str, Address]:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise _no_host() from None
    if address.scope_id is not None:
        raise OutgoingError("host", "An address with a zone (%) leads to this machine's own links. Leave it out.")
    return str(address), address
