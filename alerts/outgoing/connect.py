"""Connects to an address that was looked at, and to no other.

A name is resolved once. All its addresses are judged, and the socket is connected to one of those very addresses:
between the check and the use there is nothing that could change its mind (DNS rebinding). TLS then proves the name.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import cache
from ipaddress import ip_address
from typing import Any

import certifi

from .addresses import Address, Network, allowed, refusal
from .errors import OutgoingError
from .targets import Target, check_port

# As socket.getaddrinfo(host, port, type=SOCK_STREAM) answers.
Resolver = Callable[[str, int], Sequence[tuple[Any, ...]]]
MOST_ADDRESSES = 4  # tried, of those that a name has


class Deadline:
    """A moment after which nothing is waited for any more. Monotonic: a clock that is set does not move it."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._began = seconds, time.monotonic()

    @property
    def spent(self) -> float:
        return time.monotonic() - self._began

    def left(self) -> float:
        """Seconds that are left, more than 0. Raises OutgoingError ("timeout") where none are."""
        rest = self._seconds - self.spent
        if rest <= 0:
            raise self.over()
        return rest

    def over(self) -> OutgoingError:
        return OutgoingError(
            "timeout", f"The receiver did not answer within {self._seconds:g} seconds. Check that it is up and quick."
        )


def system_resolver(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


@cache
def default_tls() -> ssl.SSLContext:
    """Certificates of the public web, and those that the system trusts besides: an operator's own authority, which may
    also be named by SSL_CERT_FILE."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


def connect(
    target: Target,
    deadline: Deadline,
    *,
    allow: Sequence[Network],
    ports: Collection[int] | None,
    resolve: Resolver,
    tls: ssl.SSLContext,
) -> socket.socket:
    """A connected socket, with TLS for https, that the caller closes. Raises OutgoingError."""
    found = _addresses(target, deadline, resolve)
    for address in found:
        _judge(address, target, allow, ports)
    plain = _first_that_answers(found[:MOST_ADDRESSES], target.port, deadline)
    if target.scheme == "http":
        return plain
    try:
        plain.settimeout(deadline.left())
        return tls.wrap_socket(plain, server_hostname=target.host)
    except TimeoutError:
        raise deadline.over() from None
    except ssl.SSLCertVerificationError as error:
        raise OutgoingError(
            "tls", f"The certificate is not good for {target.host}: {error.verify_message}. Renew or correct it there."
        ) from None
    except (OSError, ValueError) as error:
        raise OutgoingError("tls", f"No TLS connection came about ({_said(error)}). Check the receiver.") from None
    finally:
        # wrap_socket takes the connection over; where it failed, what is left of it goes.
        plain.close()


def _addresses(target: Target, deadline: Deadline, resolve: Resolver) -> list[Address]:
    if target.address is not None:
        return [target.address]
    try:
        answers = _in_time(lambda: resolve(target.host, target.port), deadline)
    except (OSError, UnicodeError):
        answers = []
    found: list[Address] = []
    for family, _, _, _, place in answers:
        if family in (socket.AF_INET, socket.AF_INET6):
            address = ip_address(str(place[0]))
            if address not in found:
                found.append(address)
    if not found:
        raise OutgoingError("resolve", f"{target.host} has no address. Check the name, and that the DNS answers.")
    return found


def _in_time(look_up: Callable[[], Sequence[tuple[Any, ...]]], deadline: Deadline) -> Sequence[tuple[Any, ...]]:
    """A lookup has no time limit of its own: a thread waits for it, and is left behind where it takes too long. It
    ends when the system's resolver gives up."""
    answers: list[Sequence[tuple[Any, ...]]] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(look_up())
        except BaseException as error:  # raised again by who waits
            errors.append(error)

    thread = threading.Thread(target=run, name="outgoing-lookup", daemon=True)
    thread.start()
    thread.join(deadline.left())
    if errors:
        raise errors[0]
    if not answers:
        raise deadline.over()
    return answers[0]


def _judge(address: Address, target: Target, allow: Sequence[Network], ports: Collection[int] | None) -> None:
    """One address that may not be connected to refuses the whole name: who mixes them is not to be trusted."""
    if allowed(address, allow):
        return
    kind = refusal(address)
    if kind:
        raise OutgoingError(
            "address",
            f"{target.host} is or leads to {kind}, to which nothing is sent. For a service inside, an operator allows "
            "its network (ALERTS_ALLOWED_NETWORKS).",
        )
    if target.scheme != "https":
        raise OutgoingError("scheme", "Without TLS nothing is sent through the internet. Begin the URL with https://.")
    check_port(target, ports)


def _first_that_answers(found: Sequence[Address], port: int, deadline: Deadline) -> socket.socket:
    """Each address gets an equal part of the time that is left."""
    error: OSError | None = None
    for place, address in enumerate(found):
        made = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            made.settimeout(deadline.left() / (len(found) - place))
            made.connect((str(address), port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as failed:
            made.close()
            error = failed
        except BaseException:
            made.close()
            raise
        else:
            return made
    if isinstance(error, TimeoutError):
        raise deadline.over()
    raise OutgoingError("connect", f"Nobody takes connections there ({_said(error)}). Check host and port.")


def _said(error: BaseException | None) -> str:
    return str(getattr(error, "strerror", None) or error or "no reason given")
