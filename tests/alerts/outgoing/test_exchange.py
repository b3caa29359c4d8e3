"""What an answer may cost: time, bytes and nothing else."""

import gzip
import socket
import threading
import time

import pytest

from alerts.outgoing import OutgoingError, request
from tests.alerts.outgoing.receiver import LOOPBACK, drip, quiet, say

OK = b"HTTP/1.1 200 OK\r\n"


def send(url, *, timeout=5.0, max_bytes=1_000, body=b"x", headers=None, **more):
    return request(
        "POST", url, headers=headers or {}, body=body, timeout=timeout, max_bytes=max_bytes, allow=LOOPBACK, **more
    )


def failed(url, **more):
    with pytest.raises(OutgoingError) as caught:
        send(url, **more)
    assert not caught.value.lasting
    return caught.value


def at(raw):
    return f"http://127.0.0.1:{raw.port}/"


def test_a_request_and_its_answer(receiver):
    receiver.script.append((404, {"X-One": "a", "Retry-After": "7"}, b"no such hook"))
    answer = send(
        f"{receiver.url}/hook?a=b", body=b"\x00\xff", headers={"Content-Type": "application/json", "x-y": "z"}
    )
    assert (answer.status, answer.body, answer.whole) == (404, b"no such hook", True)
    assert (answer.headers["x-one"], answer.headers["retry-after"]) == ("a", "7")
    assert 0 < answer.seconds < 5
    got = receiver.received[0]
    assert (got.path, got.body) == ("/hook?a=b", b"\x00\xff")
    assert got.headers == {
        "host": f"127.0.0.1:{receiver.port}", "accept-encoding": "identity", "connection": "close",
        "content-length": "2",
        "content-type": "application/json", "x-y": "z",
    }  # fmt: skip


def test_what_frames_the_request_is_not_the_callers(receiver):
    smuggled = {"Host": "evil.example", "content-length": "0", "Connection": "keep-alive", "Accept-Encoding": "gzip"}
    send(receiver.url, body=b"four", headers=smuggled)
    got = receiver.received[0]
    assert got.body == b"four"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (got.headers["connection"], got.headers["accept-encoding"]) == ("close", "identity")


def test_a_header_cannot_hold_another_one(receiver):
    assert failed(receiver.url, headers={"X-A": "b\r\nX-C: d"}).reason_code == "protocol"
    assert not receiver.received


def test_a_large_body_arrives_whole(receiver):
    body = bytes(range(256)) * 20_000
    assert send(receiver.url, body=body).status == 200
    assert receiver.received[0].body == body


class TestTime:
    """A deadline over all of it; each of these would last for minutes by itself."""

    def over(self, began, error, seconds=0.5):
        assert error.reason_code == "timeout"
        assert f"{seconds:g} seconds" in error.text
        assert seconds * 0.9 <= time.monotonic() - began < seconds + 2

    @pytest.mark.parametrize(
        "talk",
        [
            quiet,  # nothing at all
            drip(b"H", 0.05),  # a status line that does not end
            drip(b"X-Header: y\r\n", 0.05, OK),  # headers that do not end
            drip(b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),  # patience that is asked for again and again
        ],
    )
    def test_bytes_that_drip_wait_no_longer_than_others(self, make_raw, talk):
        began = time.monotonic()
        self.over(began, failed(at(make_raw(talk)), timeout=0.5))

    @pytest.mark.parametrize(
        "head", [b"Content-Length: 100000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n", b"\r\n"]
    )
    def test_a_body_that_drips_is_cut_and_the_status_counts(self, make_raw, head):
        began = time.monotonic()
        answer = send(at(make_raw(drip(b"x", 0.05, OK + head))), timeout=0.5)
        assert (answer.status, answer.whole) == (200, False)
        assert set(answer.body) <= set(b"x")
        assert 0.45 <= time.monotonic() - began < 2.5

    def test_who_accepts_and_says_nothing(self, receiver):
        receiver.script.append("hang")
        began = time.monotonic()
        self.over(began, failed(receiver.url, timeout=0.5))

    def test_who_does_not_even_accept(self):
        """A backlog that is full: the connection is not made."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            port = listening.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            began = time.monotonic()
            error = failed(f"http://127.0.0.1:{port}/", timeout=0.5)
            for one in waiting:
                one.close()
        self.over(began, error)

    def test_a_name_that_is_looked_up_for_ever(self):
        release = threading.Event()

        def resolve(host, port):
            release.wait(20)
            return []

        began = time.monotonic()
        error = failed("http://slow.example/", timeout=0.5, resolve=resolve)
        release.set()
        self.over(began, error)

    def test_who_does_not_read_the_body(self, make_raw):
        def talk(made):
            time.sleep(1)

        began = time.monotonic()
        self.over(began, failed(at(make_raw(talk)), timeout=0.5, body=b"x" * 50_000_000))


class TestSize:
    def test_a_huge_answer_is_cut(self, make_raw):
        raw = make_raw(drip(b"x" * 65_536, 0, OK + b"Content-Length: 100000000000\r\n\r\n"))
        answer = send(at(raw), max_bytes=10_000)
        assert (answer.status, answer.body, answer.whole) == (200, b"x" * 10_000, False)

    def test_chunks_without_end_are_cut(self, make_raw):
        raw = make_raw(drip(b"1000\r\n" + b"y" * 4_096 + b"\r\n", 0, OK + b"Transfer-Encoding: chunked\r\n\r\n"))
        answer = send(at(raw), max_bytes=10_000)
        assert (answer.status, answer.body, answer.whole) == (200, b"y" * 10_000, False)

    def test_a_chunk_of_negative_size_reads_no_more_than_allowed(self, make_raw):
        raw = make_raw(drip(b"z" * 65_536, 0, OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n"))
        answer = send(at(raw), max_bytes=1_000)
        assert answer.status == 200
        assert (len(answer.body), answer.whole) in [(0, False), (1_000, False)]

    @pytest.mark.parametrize(
        "talk",
        [
            drip(b"X: " + b"y" * 60_000 + b"\r\n", 0, OK),
            drip(b"y" * 60_000, 0),
            drip(b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 1_000, 0),
        ],
    )
    def test_headers_without_end(self, make_raw, talk):
        assert failed(at(make_raw(talk))).reason_code == "protocol"

    def test_exactly_as_long_as_allowed_is_whole(self, receiver):
        receiver.script.append((200, {}, b"x" * 1_000))
        answer = send(receiver.url, max_bytes=1_000)
        assert (len(answer.body), answer.whole) == (1_000, True)

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
    def test_a_bomb_is_not_unpacked(self, receiver, encoding):
        bomb = gzip.compress(bytes(10_000_000))
        receiver.script.append((200, {"Content-Encoding": encoding}, bomb))
        answer = send(receiver.url, max_bytes=100_000)
        assert answer.body == bomb
        assert receiver.received[0].headers["accept-encoding"] == "identity"


class TestNoHttp:
    @pytest.mark.parametrize(
        "said",
        [b"", b"\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail.example.org ESMTP\r\n", b"\x15\x03\x01\x00\x02\x02\x46"],
    )
    def test_what_is_no_answer(self, make_raw, said):
        assert failed(at(make_raw(say(said)))).reason_code == "protocol"

    def test_a_connection_that_ends_amid_the_body(self, make_raw):
        answer = send(at(make_raw(say(OK + b"Content-Length: 10\r\n\r\nfour"))))
        assert (answer.status, answer.body, answer.whole) == (200, b"four", False)

    def test_an_answer_before_the_body_was_read(self, make_raw):
        def talk(made):
            made.recv(100)
            made.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            made.shutdown(socket.SHUT_WR)
            while made.recv(1 << 20):
                pass

        assert send(at(make_raw(talk)), body=b"x" * 3_000_000).status == 413

    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        error = failed(f"http://127.0.0.1:{port}/")
        assert error.reason_code == "connect"
        assert "refused" in error.text
