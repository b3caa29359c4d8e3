"""Where a request comes from. What is kept of it is the network, never the address."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+")
_KEPT_BITS = {4: 24, 6: 48}
_COUNTED_BITS = 64  # of IPv6: what one household is given


def address_of(request: HttpRequest) -> str:
    """The client's address, without a port. Behind a proxy that is trusted: what that proxy saw, the last of the
    list, since whoever asks may write anything before it."""
    seen = request.META.get("REMOTE_ADDR", "")
    if settings.TRUST_PROXY:
        seen = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or seen
    one = _parsed(seen)
    return str(one) if one else "0.0.0.0"


def counted(address: str) -> str:
    """By what attempts of one client are counted: an IPv4 address, or the /64 of an IPv6 one."""
    one = _parsed(address)
    if isinstance(one, IPv6Address):
        return str(ip_network((one, _COUNTED_BITS), strict=False))
    return address


def anonymised(address: str) -> str:
    """The network of a client's address (IPv4 /24, IPv6 /48), also of the first of a list and of one with a port; ""
    for what is no address."""
    one = _parsed(address.partition(",")[0].strip())
    return str(ip_network((one, _KEPT_BITS[one.version]), strict=False).network_address) if one else ""


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    found = _PORT.fullmatch(text)
    try:
        one = ip_address((found[1] or found[2] or "") if found else text.partition("%")[0])
    except ValueError:
        return None
    return (one.ipv4_mapped or one) if isinstance(one, IPv6Address) else one
