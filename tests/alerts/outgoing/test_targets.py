"""What a URL leads to, and which are refused before anything is looked up."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.outgoing import OutgoingError, target_of


def reason(url):
    with pytest.raises(OutgoingError) as caught:
        target_of(url)
    assert caught.value.lasting
    assert caught.value.text.endswith((".", "/hook"))
    return caught.value.reason_code


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path", "authority"),
    [
        ("https://example.org", "https", "example.org", 443, "/", "example.org"),
        ("https://example.org:443/a?b=c#d", "https", "example.org", 443, "/a?b=c", "example.org"),
        ("HTTPS://EXAMPLE.org:8443/A", "https", "example.org", 8443, "/A", "example.org:8443"),
        ("https://example.org./x", "https", "example.org", 443, "/x", "example.org"),
        ("http://alert_manager:9093", "http", "alert_manager", 9093, "/", "alert_manager:9093"),
        ("https://bücher.example/ok", "https", "xn--bcher-kva.example", 443, "/ok", "xn--bcher-kva.example"),
        ("https://[2606:4700:0::1111]/x", "https", "2606:4700::1111", 443, "/x", "[2606:4700::1111]"),
        ("https://8.8.8.8?q", "https", "8.8.8.8", 443, "/?q", "8.8.8.8"),
        ("https://a/%2e%2e/%C3%BC;p", "https", "a", 443, "/%2e%2e/%C3%BC;p", "a"),
    ],
)
def test_a_plain_url(url, scheme, host, port, path, authority):
    target = target_of(url)
    assert (target.scheme, target.host, target.port, target.path) == (scheme, host, port, path)
    assert target.authority == authority


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "0", "00.0.0.0", "017700000001",
        "0x7f.0x0.0x0.0x1", "127.0.0.01", "127.0.0.1.1", "1.2.3", "0x", "127.0.0.0x1", "256.256.256.256", "1.1.1.1e",
    ],
)  # fmt: skip
def test_numbers_that_a_resolver_may_take_for_an_address(host):
    """The last label decides, as in browsers; "1e" is no number, and a name like any other."""
    if host == "1.1.1.1e":
        assert target_of(f"https://{host}/").address is None
    else:
        assert reason(f"https://{host}/") == "host"
        assert reason(f"https://{host}./") == "host"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"), ("127.0.0.1.", "127.0.0.1"), ("[::1]", "::1"), ("[::ffff:127.0.0.1]",
        "::ffff:7f00:1"),
        ("[0:0:0:0:0:0:0:1]", "::1"), ("１２７.０.０.１", "127.0.0.1"), ("①②⑦.0.0.①", "127.0.0.1"),
        ("127。0。0。1", "127.0.0.1"), ("१२७.0.0.1", None),
    ],
)  # fmt: skip
def test_literals_in_other_spellings_are_known_as_addresses(host, address):
    """Digits of another script that the mapping of names leaves alone make a name that cannot be one."""
    if address is None:
        try:
            assert target_of(f"https://{host}/").address is None
        except OutgoingError as error:
            assert error.reason_code == "host"
    else:
        assert target_of(f"https://{host}/").address == ip_address(address)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.org/", "scheme"), ("file:///etc/passwd", "scheme"), ("gopher://example.org", "scheme"),
        ("unix:///run/docker.sock", "scheme"), ("javascript:alert(1)", "scheme"), ("//example.org/", "scheme"),
        ("example.org", "scheme"), ("", "url"), ("https://" + "a" * 2_000, "url"),
        ("https://user@example.org/", "credentials"), ("https://user:word@example.org/", "credentials"),
        ("https://@example.org/", "credentials"), ("https://example.org@127.0.0.1/", "credentials"),
        ("https:///path", "host"), ("https://:443/", "host"), ("https://.example.org/", "host"),
        ("https://exa_mple-.org/", "host"), ("https://a..b/", "host"), ("https://127.0.0.1../", "host"),
        ("https://127%2e0.0.1/", "host"), ("https://example.org%00.evil/", "host"), ("https://[fe80::1%25eth0]/",
        "host"),
        ("https://[fe80::1%eth0]/", "host"), ("https://[v1.x]/", "host"), ("https://[::1", "url"),
        ("https://[127.0.0.1]/", "url"), ("https://" + "a" * 64 + ".org/", "host"),
        ("https://" + "a." * 127 + "ab/", "host"), ("https://example.org:0/", "port"), ("https://example.org:65536/",
        "url"),
        ("https://example.org:x/", "url"), ("https://exam ple.org/", "url"), ("https://example.org/\r\nX: y", "url"),
        ("https://example.org\\@evil.example/", "url"), ("https://example.org/\t", "url"), ("https://example.org/ä",
        "url"),
        ("https://ex\u00adample.org/", "url"), ("https://\u202eexample.org/", "url"), ("https://example.org/{x}",
        "url"),
        ("https://example.org\uff0f.evil.example/", "url"), ("https://a:443:80/", "url"), ("https://ä\u0000/", "url"),
    ],
)  # fmt: skip
def test_what_is_refused(url, code):
    assert reason(url) == code


def test_brackets_amid_a_host():
    """Newer versions of Python refuse them when they split the URL, older ones leave them to us."""
    assert reason("https://a[::1]/") in ("host", "url")


@given(st.text(max_size=40))
def test_any_text_is_a_target_or_a_reason(text):
    for url in (text, f"https://{text}", f"https://example.org/{text}", f"https://[{text}]/"):
        try:
            target = target_of(url)
        except OutgoingError:
            continue
        assert target.scheme in ("http", "https")
        assert target.host.isascii() and target.path.isascii() and target.path.startswith("/")
        assert not set(target.host) & set("/?#@\\ %")
        assert (target.path + target.authority).isprintable() and " " not in target.path
