"""TLS: the certificate must be good for the name of the URL, whichever address was connected to."""

import datetime
import ssl
import time

import pytest

from alerts.outgoing import OutgoingError, request
from alerts.outgoing.connect import default_tls
from tests.alerts.outgoing.certificates import NOW
from tests.alerts.outgoing.receiver import LOOPBACK, Receiver, drip, quiet
from tests.alerts.outgoing.test_refused import Resolver

HERE = Resolver(["127.0.0.1"])


@pytest.fixture
def make_receiver(authority):
    """``make_receiver(*names, **options)``: with a certificate for these names."""
    made = []

    def make(*names, seen=None, **options):
        context = authority.server(*names, **options)
        if seen is not None:
            context.sni_callback = lambda _, name, __: seen.append(name)
        made.append(Receiver(context))
        return made[-1]

    yield make
    for one in made:
        one.close()


def send(url, authority, *, timeout=5.0, tls=None):
    return request(
        "POST", url, headers={}, body=b"x", timeout=timeout, max_bytes=1_000, allow=LOOPBACK, resolve=HERE,
        tls=tls or authority.client(),
    )  # fmt: skip


def failed(url, authority, **more):
    with pytest.raises(OutgoingError) as caught:
        send(url, authority, **more)
    return caught.value


def test_name_and_host_are_those_of_the_url(make_receiver, authority):
    seen = []
    receiver = make_receiver("hook.example.org", seen=seen)
    assert send(f"https://HOOK.example.org.:{receiver.port}/x", authority).status == 200
    assert seen == ["hook.example.org"]
    assert receiver.received[0].headers["host"] == f"hook.example.org:{receiver.port}"


def test_a_certificate_of_an_address(make_receiver, authority):
    receiver = make_receiver("127.0.0.1")
    assert send(receiver.url, authority).status == 200


@pytest.mark.parametrize("names", [("other.example.org",), ("127.0.0.1",), ("*.hook.example.org",)])
def test_a_certificate_of_another_name(make_receiver, authority, names):
    """That of the address that was connected to is no good either."""
    receiver = make_receiver(*names)
    error = failed(f"https://hook.example.org:{receiver.port}/", authority)
    assert (error.reason_code, error.lasting) == ("tls", False)
    assert "hook.example.org" in error.text
    assert not receiver.received


def test_a_certificate_that_is_over(make_receiver, authority):
    receiver = make_receiver("hook.example.org", ends=NOW - datetime.timedelta(days=2))
    error = failed(f"https://hook.example.org:{receiver.port}/", authority)
    assert error.reason_code == "tls"
    assert "expired" in error.text


def test_an_authority_that_nobody_knows(make_receiver, authority):
    receiver = make_receiver("hook.example.org")
    error = failed(f"https://hook.example.org:{receiver.port}/", authority, tls=default_tls())
    assert error.reason_code == "tls"
    assert not receiver.received


def test_the_default_checks_everything():
    context = default_tls()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509_ca"] > 50


def test_a_server_without_tls(receiver, authority):
    error = failed(f"https://127.0.0.1:{receiver.port}/", authority)
    assert error.reason_code == "tls"


def test_a_handshake_that_drips(make_raw, authority):
    raw = make_raw(drip(b"\x16", 0.05))
    began = time.monotonic()
    error = failed(f"https://127.0.0.1:{raw.port}/", authority, timeout=0.5)
    assert time.monotonic() - began < 2.5
    assert error.reason_code in ("timeout", "tls")


def test_a_handshake_that_never_comes(make_raw, authority):
    raw = make_raw(quiet)
    began = time.monotonic()
    assert failed(f"https://127.0.0.1:{raw.port}/", authority, timeout=0.5).reason_code == "timeout"
    assert time.monotonic() - began < 1.5


def test_an_answer_that_drips_inside_tls(make_receiver, authority):
    receiver = make_receiver("hook.example.org")
    receiver.script.append("hang")
    began = time.monotonic()
    url = f"https://hook.example.org:{receiver.port}/"
    assert failed(url, authority, timeout=0.5).reason_code == "timeout"
    assert time.monotonic() - began < 2.5
