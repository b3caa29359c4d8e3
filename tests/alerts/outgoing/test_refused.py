"""Nobody inside is connected to, whatever a URL, a resolver or a redirect says: the listener counts no connection."""

import socket
from ipaddress import ip_network

import pytest

from alerts.outgoing import OutgoingError, request
from tests.alerts.outgoing.receiver import LOOPBACK, say
from tests.conftest import NetworkForbidden

PUBLIC = "93.184.215.14"


class Resolver:
    """Answers each lookup with the next of ``answers``, and the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, host, port):
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found
        ]


def send(url, *, allow=(), resolve=None, timeout=5.0, **more):
    if resolve is not None:
        more["resolve"] = resolve
    return request("POST", url, headers={}, body=b"x", timeout=timeout, max_bytes=1_000, allow=allow, **more)


def refused(url, **more):
    with pytest.raises(OutgoingError) as caught:
        send(url, ports=None, **more)
    assert caught.value.lasting
    return caught.value


@pytest.fixture
def inside(make_raw):
    """A listener inside, which has counted nobody when the test is over."""
    made = make_raw(say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    yield made
    assert made.accepted == 0


HOSTS = [
    "127.0.0.1", "127.0.0.1.", "127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "017700000001", "0",
    "0.0.0.0",
    "localhost", "LOCALHOST.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25lo]", "１２７.０.０.１", "①②⑦.0.0.①",
    "user@127.0.0.1", "example.org@127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", HOSTS)
def test_every_spelling_of_this_machine(inside, scheme, host):
    refused(f"{scheme}://{host}:{inside.port}/")


ANSWERS = [
    ["127.0.0.1"], ["::1"], ["0.0.0.0"], ["::"], ["::ffff:127.0.0.1"], ["::127.0.0.1"], ["64:ff9b::7f00:1"],
    ["2002:7f00:1::"], ["10.0.0.1"], ["169.254.169.254"], ["fd00::1"], ["fe80::1"], ["224.0.0.1"], ["100.64.0.1"],
    [PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "2606:4700::1111", "::1"], [PUBLIC, "10.0.0.1"],
    [PUBLIC] * 3 + ["::ffff:127.0.0.1"], [f"93.184.215.{n}" for n in range(20)] + ["127.0.0.1"],
]  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: ",".join(answer[-3:]))
def test_a_name_of_which_one_address_is_inside(inside, answer):
    error = refused(f"https://hook.example.org:{inside.port}/", resolve=Resolver(answer))
    assert error.reason_code == "address"
    # What a name leads to inside is nobody's business outside.
    assert not [address for address in answer if address in error.text]


def test_a_name_that_changes_its_mind(inside):
    """Rebinding: public when it is looked at, loopback ever after. It is asked once, and what was looked at is what is
    connected to, which the suite's own guard forbids and names."""
    resolve = Resolver([PUBLIC], ["127.0.0.1"])
    with pytest.raises(NetworkForbidden, match=PUBLIC):
        send(f"https://hook.example.org:{inside.port}/", resolve=resolve, ports=None)
    assert resolve.asked == ["hook.example.org"]


def test_the_other_way_around(inside):
    resolve = Resolver(["127.0.0.1"], [PUBLIC])
    assert refused(f"https://hook.example.org:{inside.port}/", resolve=resolve).reason_code == "address"
    assert resolve.asked == ["hook.example.org"]


def test_redirects_are_answers(inside, receiver):
    for status in (301, 302, 303, 307, 308):
        receiver.script.append((status, {"Location": f"http://127.0.0.1:{inside.port}/"}, b"over there"))
        answer = send(receiver.url, allow=LOOPBACK)
        assert (answer.status, answer.headers["location"]) == (status, f"http://127.0.0.1:{inside.port}/")
    assert len(receiver.received) == 5


def test_proxies_and_passwords_of_the_environment_are_not_used(inside, receiver, monkeypatch, tmp_path):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{inside.port}")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    receiver.script.append((200, {"Set-Cookie": "a=b; Path=/"}, b""))
    for _ in range(2):
        send(receiver.url, allow=LOOPBACK)
    for request_ in receiver.received:
        assert not {"authorization", "proxy-authorization", "cookie"} & set(request_.headers)


class TestAllowed:
    """What an operator allows on purpose."""

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
    def test_whoever_connects_is_counted(self, make_raw, host):
        """The counter of the other tests counts."""
        counting = make_raw(say(b"HTTP/1.1 204 No Content\r\n\r\n"))
        if host == "[::1]" and not counting.ipv6:
            pytest.skip("this machine has no IPv6")
        assert send(f"http://{host}:{counting.port}/", allow=LOOPBACK).status == 204
        assert counting.accepted == 1

    def test_its_network_any_port_and_http(self, receiver):
        assert send(receiver.url + "/a?b", allow=LOOPBACK).status == 200
        got = receiver.received[0]
        assert (got.method, got.path, got.body) == ("POST", "/a?b", b"x")
        assert got.headers["host"] == f"127.0.0.1:{receiver.port}"

    def test_a_name_that_leads_there(self, receiver):
        resolve = Resolver(["127.0.0.1"])
        answer = send(f"http://alertmanager:{receiver.port}/", allow=LOOPBACK, resolve=resolve)
        assert answer.status == 200
        assert receiver.received[0].headers["host"] == f"alertmanager:{receiver.port}"

    def test_nothing_beside_it(self, inside):
        error = refused(
            f"http://127.0.0.1:{inside.port}/", allow=[ip_network("127.0.0.2/32"), ip_network("10.0.0.0/8")]
        )
        assert error.reason_code == "address"
        assert "ALERTS_ALLOWED_NETWORKS" in error.text

    def test_nor_a_name_that_leads_beside_it_too(self, inside):
        resolve = Resolver(["127.0.0.1", "10.0.0.9"])
        url = f"http://alertmanager:{inside.port}/"
        assert refused(url, allow=LOOPBACK, resolve=resolve).reason_code == "address"

    def test_the_second_address_where_the_first_is_dead(self, receiver):
        """127.0.0.9 is loopback too, and nobody listens there."""
        resolve = Resolver(["127.0.0.9", "127.0.0.1"])
        assert send(f"http://twice.example:{receiver.port}/", allow=LOOPBACK, resolve=resolve).status == 200


class TestThePublicInternet:
    def test_without_tls_nothing_is_sent(self):
        error = refused("http://hook.example.org/", resolve=Resolver([PUBLIC]))
        assert error.reason_code == "scheme"

    @pytest.mark.parametrize("port", [22, 25, 80, 6379, 9093])
    def test_on_the_ports_of_webhooks_alone(self, port):
        with pytest.raises(OutgoingError) as caught:
            send(f"https://hook.example.org:{port}/", resolve=Resolver([PUBLIC]))
        assert caught.value.reason_code == "port"
        assert str(port) in caught.value.text and "443, 8443" in caught.value.text

    @pytest.mark.parametrize("ports", [{9093}, None])
    def test_or_those_that_an_operator_adds(self, ports):
        with pytest.raises(NetworkForbidden, match=PUBLIC):
            send("https://hook.example.org:9093/", resolve=Resolver([PUBLIC]), ports=ports)


def unknown(host, port):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("resolve", [unknown, Resolver([])])
def test_a_name_without_an_address(resolve):
    with pytest.raises(OutgoingError) as caught:
        send("https://nowhere.example.org/", resolve=resolve)
    assert caught.value.reason_code == "resolve"
    assert not caught.value.lasting
