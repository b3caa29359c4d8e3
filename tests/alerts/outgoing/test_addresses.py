"""Which addresses may be connected to, against the standard library and a plain reading of the registries."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.outgoing import networks, refusal
from alerts.outgoing.addresses import SPECIAL_IPV4, SPECIAL_IPV6


def is_public(address):
    """The rule, naively: what the standard library calls global, without what leads to another address than it says."""
    number = int(address)
    if address.version == 4:
        first, second, third, _ = address.packed
        extra = (first, second, third) in {(192, 0, 0), (192, 88, 99)} or str(address) == "168.63.129.16"
        return address.is_global and first < 224 and not extra
    if number >> 32 == 0x64FF9B << 64:  # 64:ff9b::/96, NAT64
        return is_public(IPv4Address(number % 2**32))
    embeds = address.ipv4_mapped or address.sixtofour or address.teredo or number < 2**32
    assigned = number >> 125 == 1  # 2000::/3
    protocols = number >> 105 == 0x20010000 >> 9  # 2001::/23
    documentation = number >> 108 == 0x3FFF0  # 3fff::/20, of which the standard library knows since 3.13.1
    return address.is_global and assigned and not (embeds or protocols or documentation or address.is_site_local)


def near(network):
    """Its edges, and what lies just outside of them."""
    first, last = int(network.network_address), int(network.broadcast_address)
    most = 2**network.max_prefixlen - 1
    kind = type(network.network_address)
    return [kind(number) for number in (first - 1, first, first + 1, last - 1, last, last + 1) if 0 <= number <= most]


EDGES = [address for network, _ in (*SPECIAL_IPV4, *SPECIAL_IPV6) for address in near(network)]


def of_nat64(address):
    return IPv6Address((0x64FF9B << 96) + int(address))


@given(
    st.one_of(
        st.ip_addresses(),
        st.sampled_from(EDGES),
        st.ip_addresses(v=4).map(of_nat64),
        st.integers(0, 2**32 - 1).map(IPv4Address),
        st.integers(0, 2**128 - 1).map(IPv6Address),
    )
)
@settings(max_examples=2_000)
@example(ip_address("64:ff9b::7f00:1"))
@example(ip_address("64:ff9b::808:808"))
def test_the_verdict_is_that_of_a_plain_rule(address):
    assert (refusal(address) == "") == is_public(address), address


@pytest.mark.parametrize("address", EDGES, ids=str)
def test_so_it_is_at_every_edge(address):
    assert (refusal(address) == "") == is_public(address)


@given(st.ip_addresses(v=4))
@settings(max_examples=1_000)
def test_the_table_alone_knows_all_that_the_standard_library_does(address):
    """So the verdict is the same on an older Python, which knows fewer ranges."""
    if not address.is_global:
        assert any(address in network for network, _ in SPECIAL_IPV4)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("127.0.0.1", "loopback"), ("127.255.255.254", "loopback"), ("::1", "loopback"),
        ("10.1.2.3", "private"), ("172.31.255.255", "private"), ("192.168.0.1", "private"), ("fd00::1", "private"),
        ("fec0::1", "private"), ("169.254.169.254", "link-local"), ("fe80::1", "link-local"),
        ("100.64.0.1", "provider"), ("100.100.100.200", "provider"), ("198.19.255.255", "benchmarks"),
        ("192.0.2.1", "documentation"), ("2001:db8::1", "documentation"), ("3fff::1", "documentation"),
        ("224.0.0.1", "multicast"), ("ff02::1", "multicast"), ("240.0.0.1", "reserved"),
        ("255.255.255.255", "broadcast"), ("0.0.0.0", "this machine"), ("::", "this machine"),
        ("::ffff:127.0.0.1", "IPv4"), ("::ffff:8.8.8.8", "IPv4"), ("::127.0.0.1", "IPv4"), ("2002:7f00:1::", "IPv4"),
        ("2002:808:808::", "IPv4"), ("2001:0:4136:e378::", "IPv4"), ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local"), ("64:ff9b:1::808:808", "IPv4"), ("168.63.129.16", "cloud"),
        ("fe80::1%eth0", "link-local"), ("4000::1", "reserved"), ("5f00::1", "reserved"), ("192.0.0.9", "reserved"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named(text, kind):
    assert kind in refusal(ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"])
def test_the_public_internet_is_free(text):
    assert refusal(ip_address(text)) == ""


def test_an_operator_allows_what_is_written_and_nothing_beside():
    allow = networks(["10.0.0.5", "fd00:17::/64", " 127.0.0.0/8 "])
    assert refusal(ip_address("10.0.0.5"), allow) == ""
    assert refusal(ip_address("fd00:17::9"), allow) == ""
    for other in ("10.0.0.6", "fd00:18::9", "::ffff:10.0.0.5", "64:ff9b::a00:5", "::127.0.0.1", "2002:a00:5::", "::1"):
        assert refusal(ip_address(other), allow), other
    assert allow == (ip_network("10.0.0.5/32"), ip_network("fd00:17::/64"), ip_network("127.0.0.0/8"))


@pytest.mark.parametrize("text", ["10.0.0.5/8", "ten", "", "10.0.0.0/33", "example.org"])
def test_what_is_no_network_is_said(text):
    with pytest.raises(ValueError, match=r"is no network.*Write it like 10\.0\.0\.5/32"):
        networks([text])
