"""Which addresses an outgoing request may connect to: those of the public internet, and what an operator allows.

Sources: IANA's registries of special-purpose addresses
(https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry,
https://www.iana.org/assignments/ipv6-address-space). The table is our own, so that the verdict does not depend on the
version of Python; what a newer Python knows besides is refused too.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The first that fits names an address to people.
SPECIAL_IPV4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(text), kind)
    for text, kind in (
        ("0.0.0.0/8", "an address of this machine"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "an address inside a provider's network"),
        ("127.0.0.0/8", "a loopback address"),
        ("168.63.129.16/32", "a service of the cloud that this machine may run in"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "an address for documentation"),
        ("192.88.99.0/24", "a reserved address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "an address for benchmarks"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("255.255.255.255/32", "a broadcast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)
SPECIAL_IPV6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(text), kind)
    for text, kind in (
        ("::1/128", "a loopback address"),
        ("::/128", "an address of this machine"),
        ("::ffff:0:0/96", "an IPv4 address inside an IPv6 one"),
        ("::/96", "an IPv4 address inside an IPv6 one"),
        ("64:ff9b:1::/48", "an IPv4 address inside an IPv6 one"),
        ("2001::/32", "an IPv4 address inside an IPv6 one"),
        ("2002::/16", "an IPv4 address inside an IPv6 one"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "an address for documentation"),
        ("3fff::/20", "an address for documentation"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a private address"),
        ("ff00::/8", "a multicast address"),
    )
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks of ALERTS_ALLOWED_NETWORKS, such as 10.0.0.5/32 or fd00:17::/64.

    Raises ValueError with a sentence for what is none.
    """
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text.strip()))
        except ValueError as error:
            raise ValueError(f"{text!r} is no network: {error}. Write it like 10.0.0.5/32 or fd00:17::/64.") from None
    return tuple(found)


def allowed(address: Address, allow: Iterable[Network]) -> bool:
    """Whether an operator allows this address. An IPv4 address inside an IPv6 one is allowed by neither's network but
    its own: ``allow`` means what is written there."""
    return any(address in network for network in allow if network.version == address.version)


def refusal(address: Address, allow: Iterable[Network] = ()) -> str:
    """Why no request may go to ``address``, as "a loopback address"; empty where one may."""
    if allowed(address, allow):
        return ""
    if isinstance(address, IPv6Address):
        return _refusal_of_ipv6(address)
    named = next((kind for network, kind in SPECIAL_IPV4 if address in network), "")
    return named or ("" if address.is_global else "a reserved address")


def _refusal_of_ipv6(address: IPv6Address) -> str:
    if address.scope_id is not None:
        return "a link-local address"
    if address in _NAT64:
        # How a network without IPv4 reaches the IPv4 internet (RFC 6052): as good as what it leads to.
        return refusal(IPv4Address(int(address) & 0xFFFFFFFF))
    named = next((kind for network, kind in SPECIAL_IPV6 if address in network), "")
    return named or ("" if address in _GLOBAL_IPV6 and address.is_global else "a reserved address")
