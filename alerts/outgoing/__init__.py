"""Outgoing HTTP to places that people of a project name: safe against being led to the inside (SSRF).

``request`` is the one door. It is made of http.client and a socket that is connected here, not of requests with
requests-hardened 1.3 (tried; advocate and httpx-secure check before they connect and are worse): that package resolves
once and connects to what it checked, but it looks at the first address only, lets site-local (fec0::/10),
IPv4-compatible (::127.0.0.1) and other unassigned addresses pass, cannot allow a network that an operator names, has no
limit on the total time nor on the answer's size, and unpacks compressed answers. What would have to be turned off in
requests does not exist here: redirects, proxies and netrc of the environment, cookies, retries, kept connections,
decompression.
"""

import ssl
from collections.abc import Collection, Mapping, Sequence

from .addresses import Network, networks, refusal
from .connect import Deadline, Resolver, connect, default_tls, system_resolver
from .errors import LASTING, OutgoingError
from .exchange import Answer, exchange
from .targets import PORTS, Target, target_of

__all__ = ["LASTING", "PORTS", "Answer", "OutgoingError", "Target", "networks", "refusal", "request", "target_of"]


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    timeout: float,
    max_bytes: int,
    allow: Sequence[Network],
    ports: Collection[int] | None = PORTS,
    resolve: Resolver = system_resolver,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Send one request to a public host, or to one in ``allow``, and return the answer, whatever its status.

    timeout: seconds for all of it: lookup, connection, TLS, headers and body. max_bytes: of the body that are kept.
    allow: networks inside that an operator allows (ALERTS_ALLOWED_NETWORKS): any port there, and http too. ports: on
    the public internet (ALERTS_ALLOWED_PORTS); None is any. resolve, tls: instead of the system's. Raises
    OutgoingError.
    """
    deadline = Deadline(timeout)
    target = target_of(url)
    connected = connect(target, deadline, allow=allow, ports=ports, resolve=resolve, tls=tls or default_tls())
    with connected:
        return exchange(connected, deadline, target, method, headers, body, max_bytes)
