"""What the ledger shows of a rejected line holds nothing that must not be kept."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.clients import anonymised
from endpoint_stats.ingest.redact import MAX_SAMPLE, sample

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

# secret -> lines that hold it
SECRETS = {
    "hunter2": [
        "GET /login?user=ada&password=hunter2 HTTP/1.1",
        '"GET /login?password=hunter2" 200',
        "password=hunter2",
        "password: hunter2",
        "Password hunter2",
        '{"password":"hunter2","status":200}',
        '{"password": "hunter2"}',
        "{'secret': 'hunter2'}",
        "api_key=hunter2",
        "x-api-key: hunter2",
        "access_token=hunter2",
        "client_secret=hunter2",
        "Authorization: Bearer hunter2",
        "authorization=Basic hunter2",
        "postgresql://app:hunter2@db.example.org/app",
        "https://app:hunter2@localhost/path",
    ],
    "ada@example.org": ["user ada@example.org said", '"ada@example.org"', "GET /users/ada@example.org HTTP/1.1"],
    "ada.l+tag@mail.example.co.uk": ["<ada.l+tag@mail.example.co.uk>"],
    "203.0.113.77": [
        '203.0.113.77 - - [x] "GET / HTTP/1.1"',
        "client: 203.0.113.77, server",
        "203.0.113.77:51234 GET",
        '"203.0.113.77"',
        "10.0.0.1, 203.0.113.77",
        "[203.0.113.77]",
        "::ffff:203.0.113.77 - -",
    ],
    "2001:db8:85a3::8a2e:370:7334": [
        "2001:db8:85a3::8a2e:370:7334 - - GET",
        "[2001:db8:85a3::8a2e:370:7334]:443",
        '"2001:db8:85a3::8a2e:370:7334"',
    ],
    "2001:db8::1": ["2001:db8::1 - - GET"],
    "fe80::1ff:fe23:4567:890a": ["fe80::1ff:fe23:4567:890a%eth0 - - GET"],
    "2001:0db8:0000:0000:0000:ff00:0042:8329": ["2001:0db8:0000:0000:0000:ff00:0042:8329 GET"],
    JWT: [f"GET /x/{JWT} HTTP/1.1", f"Cookie: session={JWT}", f"Bearer {JWT}"],
    "AKIAIOSFODNN7EXAMPLEa1": ["GET /x/AKIAIOSFODNN7EXAMPLEa1 HTTP/1.1"],
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc": ["GET /x/sk_live_4eC39HqLyjWDarjtT1zdp7dc HTTP/1.1"],
    "d41d8cd98f00b204e9800998ecf8427e": [
        "GET /reset/d41d8cd98f00b204e9800998ecf8427e HTTP/1.1",
        "sessionid=d41d8cd98f00b204e9800998ecf8427e",
    ],
    "secret-search-term": ["GET /search?q=secret-search-term HTTP/1.1", '"/a?b=1&q=secret-search-term#part"'],
}


@pytest.mark.parametrize(("secret", "line"), [(secret, line) for secret, lines in SECRETS.items() for line in lines])
def test_no_secret_is_shown(secret, line):
    assert secret in line
    shown = sample(line.encode())
    assert secret not in shown
    parts = [part for part in secret.replace("@", ".").split(".") if len(part) >= 8]
    assert not [part for part in parts if part in shown and part != "example"]


@pytest.mark.parametrize(("secret", "line"), [(secret, lines[0]) for secret, lines in SECRETS.items()])
def test_case_and_tabs_do_not_help(secret, line):
    for changed in (line.replace(" ", "\t"), f"x {line}", f"{line} y", f"{line}\r"):
        assert secret not in sample(changed.encode())


@pytest.mark.parametrize("before", range(1560, 1610, 7))
@pytest.mark.parametrize("secret", ["203.0.113.77", "AbCdEf0123456789AbCdEf0123456789", "ada.lovelace@example.org"])
def test_a_secret_at_the_cut_is_not_shown_in_part(before, secret):
    """Long lines are cut before they are redacted; what the cut leaves of a secret may not look harmless."""
    line = "GET /x?" + "q" * (before - 8) + " " + secret + " end"
    shown = sample(line.encode())
    for size in range(8, len(secret) + 1):
        assert secret[:size] not in shown


@pytest.mark.parametrize(
    "line",
    ["GET /orders/8123 HTTP/1.1", "not a log line at all", '{"status": 200, "path": "/a"}', "GET /monkey/donkey 200",
     "[13/Nov/2025:02:13:20 +0100] GET /keyboard 200", "version 1.2.3 of nginx/1.25.3"],
)  # fmt: skip
def test_what_helps_to_find_the_fault_stays(line):
    assert sample(line.encode()) == line


@given(st.binary(max_size=3000))
def test_whatever_a_line_holds_it_is_short_and_printable(line):
    shown = sample(line)
    assert len(shown) <= MAX_SAMPLE
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)


@given(
    st.ip_addresses().map(str),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from([" ", '"', ",", "[", "="]),
)
def test_no_address(address, text, divider):
    if address.count(":") >= 3 or "." in address:
        line = f"GET {text}{divider}{address} x"
        assert address not in sample(line.encode()).replace(text, "")


@pytest.mark.parametrize(("address", "network"), [
    ("203.0.113.9", "203.0.113.0"), ("203.0.113.9:4711", "203.0.113.0"), (" 203.0.113.9, 10.0.0.1", "203.0.113.0"),
    ("2001:db8:1234:5678::9", "2001:db8:1234::"), ("[2001:db8:1234:5678::9]:443", "2001:db8:1234::"),
    ("fe80::1%eth0", "fe80::"), ("::ffff:203.0.113.9", "203.0.113.0"), ("::1", "::"),
    ("shop.example.org", ""), ("203.0.113", ""), ("-", ""), ("", ""), ("203.0.113.999", ""), ("[", ""), ("unix:", ""),
])  # fmt: skip
def test_networks_of_clients(address, network):
    assert anonymised(address) == network


@given(st.ip_addresses())
def test_of_an_address_its_network_is_left(address):
    """Counted in bits, by hand."""
    found = ipaddress.ip_address(anonymised(str(address)))
    whole = getattr(address, "ipv4_mapped", None) or address
    kept = 24 if whole.version == 4 else 48
    bits = whole.max_prefixlen
    assert int(found) == int(whole) >> (bits - kept) << (bits - kept)


@given(st.text(max_size=60))
def test_whatever_is_no_address_is_nothing(text):
    found = anonymised(text)
    assert found == "" or ipaddress.ip_address(found)
