"""The guard in tests/conftest.py: nothing in the suite reaches a host beyond this machine."""

import socket
import urllib.request

import pytest


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_no_connection_beyond_loopback(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(RuntimeError, match="no network"):
        client.connect((address, 80))


def test_no_datagram_beyond_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, pytest.raises(RuntimeError, match="no network"):
        client.sendto(b"x", ("192.0.2.1", 53))


def test_no_name_is_looked_up() -> None:
    with pytest.raises(RuntimeError, match="no network"):
        urllib.request.urlopen("http://example.org/")


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        server.accept()[0].close()
