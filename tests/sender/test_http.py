"""The HTTP transport, and the sender on it, against the stand-in for the server."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest

from endpoint_stats_sender import Answer, HttpTransport
from tests.sender.conftest import hit, wait_for
from tests.sender.stub import KEY, Stub


@pytest.fixture
def transport(stub):
    made = HttpTransport(stub.url, KEY, timeout=5.0)
    yield made
    made.close()


class TestRequests:
    def test_what_is_sent(self, transport, stub):
        hits = [hit(1, user_agent="ü"), hit(2)]
        assert transport.send(hits, "key-1") == Answer(200)
        (request,) = stub.received
        assert request.path == "/api/v1/ingest/hits"
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["idempotency-key"] == "key-1"
        assert request.headers["content-type"] == "application/x-ndjson"
        assert request.headers["content-encoding"] == "gzip"
        assert request.headers["user-agent"].startswith("endpoint-stats-sender/")
        assert [json.loads(line) for line in gzip.decompress(request.body).splitlines()] == hits
        assert stub.hits == hits

    def test_it_may_live_below_a_path(self, stub):
        made = HttpTransport(f"{stub.url}/stats/", KEY)
        made.send([hit()], "key-1")
        made.close()
        assert stub.received[0].path == "/stats/api/v1/ingest/hits"

    def test_the_connection_is_kept(self, transport, stub):
        for number in range(5):
            transport.send([hit(number)], f"key-{number}")
        assert len({request.connection for request in stub.received}) == 1

    def test_a_kept_connection_that_the_server_closed_is_opened_again(self, transport, stub):
        stub.script += ["once", 200]
        for number in range(2):
            assert transport.send([hit(number)], f"key-{number}") == Answer(200)
            time.sleep(0.02)  # for the end of the connection to arrive
        assert len({request.connection for request in stub.received}) == 2
        assert len(stub.hits) == 2

    def test_a_new_connection_that_fails_is_not_tried_twice(self, transport, stub):
        stub.script += ["drop", 200]
        with pytest.raises(http.client.RemoteDisconnected):
            transport.send([hit()], "key-1")
        assert len(stub.received) == 1

    def test_retries_are_the_same_bytes(self, transport, stub):
        stub.script += [503, 503]
        for _ in range(3):
            transport.send([hit()], "key-1")
        assert len({request.body for request in stub.received}) == 1

    def test_proxies_of_the_environment_are_not_used(self, transport, stub, monkeypatch):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert transport.send([hit()], "key-1").status == 200


MOVED = "it moved to https://b.example; redirects are not followed"


class TestAnswers:
    def test_rejected_hits_and_why(self, transport, stub):
        bad = {name: value for name, value in hit().items() if name != "status"}
        assert transport.send([hit(), bad, bad], "key-1") == Answer(200, rejected=2, detail="field_missing: 2")

    def test_the_same_key_again(self, transport, stub):
        assert transport.send([hit()], "key-1") == transport.send([hit()], "key-1")
        assert len(stub.hits) == 1

    @pytest.mark.parametrize(
        ("step", "answer"),
        [
            ((503, {"Retry-After": "7"}), Answer(503, 0, "{}", 7.0)),
            ((429, {"Retry-After": "soon"}), Answer(429, 0, "{}", None)),
            ((400, {}, {"title": "Bad", "detail": "This is\n not JSON."}), Answer(400, 0, "This is not JSON.")),
            ((500, {}, b"<h1>Oops</h1>" * 1_000), Answer(500, 0, ("<h1>Oops</h1>" * 100)[:300])),
            ((500, {}, b"\xff" + b"[" * 60_000), Answer(500, 0, "\ufffd" + "[" * 299)),
            ((301, {"Location": "https://b.example"}), Answer(301, 0, MOVED)),
        ],
    )  # fmt: skip
    def test_others(self, transport, stub, step, answer):
        stub.script.append(step)
        assert transport.send([hit()], "key-1") == answer
        assert len(stub.received) == 1

    def test_an_http_date(self, transport, stub):
        later = time.time() + 100
        stub.script.append((503, {"Retry-After": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(later))}))
        asked = transport.send([hit()], "key-1").retry_after
        assert 90 < asked <= 100

    @pytest.mark.parametrize("content", [b"<html>Sign in</html>", b"[]", b"{}", b"", b'{"received": "all"}'])
    def test_a_200_of_somebody_else_is_no_delivery(self, transport, stub, content):
        stub.script.append((200, {}, content))
        with pytest.raises(ValueError, match="not one of Endpoint Stats"):
            transport.send([hit()], "key-1")

    def test_a_refusal_before_the_body_was_read(self, transport, stub):
        """The server closes while the body is under way; its answer counts all the same."""
        stub.script.append("unread")
        noise = [hit(number, user_agent=f"{number * 7919:x}" * 40) for number in range(20_000)]
        assert transport.send(noise, "key-1").status == 413

    def test_an_endless_answer_is_not_read(self, transport, stub):
        stub.script.append((200, {}, b'{"received": 1}' + b" " * 1_000_000))
        assert transport.send([hit()], "key-1") == Answer(200)
        assert transport.send([hit()], "key-2") == Answer(200)
        assert len({request.connection for request in stub.received}) == 2

    def test_a_slow_server_is_a_timeout(self, stub):
        stub.script.append("hang")
        made = HttpTransport(stub.url, KEY, timeout=0.05)
        with pytest.raises(OSError, match="timed out"):
            made.send([hit()], "key-1")
        assert made._connection is None


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        ["", "stats.example.org", "ftp://stats.example.org", "https://", "https://u:p@stats.example.org",
         "https://stats.example.org/?a=1", "https://stats.example.org/#a", "https://stats.example.org:port",
         "https://stats.example.org/a b", "https://stats.example.org/\r\nX: y"],
    )  # fmt: skip
    def test_no_url(self, url):
        with pytest.raises(ValueError, match=r"URL|Port"):
            HttpTransport(url, KEY)

    @pytest.mark.parametrize("key", ["", "a b", "a\r\nX: y", "ключ"])
    def test_no_key(self, key):
        with pytest.raises(ValueError, match="KEY"):
            HttpTransport("https://stats.example.org", key)

    def test_ipv6(self):
        made = HttpTransport("http://[::1]", KEY)
        assert (made._host, made._port) == ("::1", 80)

    def test_tls_is_the_default_port_of_https(self):
        assert HttpTransport("https://stats.example.org/x/", KEY)._port == 443


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that nobody trusts until told to."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.needs("openssl")
class TestTls:
    @pytest.fixture
    def secure(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        made = Stub(tls=context)
        yield made
        made.close()

    def test_a_certificate_that_is_trusted(self, secure, certificate):
        made = HttpTransport(secure.url, KEY, context=ssl.create_default_context(cafile=certificate[0]))
        assert made.send([hit()], "key-1") == Answer(200)
        made.close()

    def test_one_that_is_not(self, secure):
        made = HttpTransport(secure.url, KEY)
        with pytest.raises(ssl.SSLCertVerificationError):
            made.send([hit()], "key-1")
        assert secure.received == []


class TestSender:
    def test_a_lost_answer_does_not_count_twice(self, over_http, stub):
        stub.script += ["lose", 503, "lose"]
        for number in range(3):
            over_http.record(hit(number))
        assert over_http.flush(20)
        assert len(stub.received) >= 4
        assert len(set(stub.keys)) == 1
        assert len(stub.hits) == 3
        assert over_http.stats[:5] == (3, 0, 3, 0, 0)

    def test_a_timeout_after_storing_does_not_either(self, make_sender, stub):
        stub.script += ["hang", "lose"]
        sender = make_sender(HttpTransport(stub.url, KEY, timeout=0.05))
        sender.record(hit())
        assert sender.flush(20)
        assert len(stub.hits) == 1
        assert len(set(stub.keys)) == 1

    def test_a_wrong_key(self, make_sender, stub, caplog):
        sender = make_sender(HttpTransport(stub.url, "wrong"))
        sender.record(hit())
        assert sender.flush(10)
        assert sender.stats[:5] == (1, 0, 0, 1, 0)
        assert "401 No such key." in caplog.text
        assert "wrong" not in caplog.text

    @pytest.mark.parametrize("status", [409, 403])
    def test_final_refusals(self, over_http, stub, status):
        stub.script.append((status, {}, {"detail": "No."}))
        over_http.record(hit())
        assert over_http.flush(10)
        assert over_http.stats.rejected == 1
        assert len(stub.received) == 1

    def test_too_large(self, over_http, stub):
        stub.script.append(413)
        for number in range(4):
            over_http.record(hit(number))
        assert over_http.flush(10)
        assert over_http.stats.sent == 4
        assert len(stub.received) == 3

    def test_too_many_and_away(self, over_http, stub):
        stub.script += [(429, {"Retry-After": "1"}), (503, {"Retry-After": "1"})]
        over_http.record(hit())
        assert over_http.flush(10)
        assert [over_http.stats.sent, len(stub.hits), len(set(stub.keys))] == [1, 1, 1]

    def test_nobody_listens_and_then_somebody_does(self, make_sender):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        sender = make_sender(HttpTransport(f"http://127.0.0.1:{port}", KEY))
        sender.record(hit())
        assert not sender.flush(0.01)
        wait_for(lambda: "ConnectionRefusedError" in sender.stats.last_error, "a refused connection")
        late = Stub(port)
        assert sender.flush(20)
        late.close()
        assert len(late.hits) == 1

    def test_threads_hammer_a_healthy_server(self, make_sender, stub):
        """Counted by the server: none lost, none doubled."""
        sender = make_sender(HttpTransport(stub.url, KEY), max_queue=50_000, max_batch=200, interval=0.005)
        stub.script += [200, "lose", 200, 503, "once", "drop"]

        def hammer(base):
            for number in range(1_500):
                sender.record(hit(base + number))

        threads = [threading.Thread(target=hammer, args=(index * 1_500,)) for index in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sender.flush(30)
        assert sorted(int(one["path"].rpartition("/")[2]) for one in stub.hits) == list(range(9_000))
        assert sender.stats[:5] == (9_000, 0, 9_000, 0, 0)
