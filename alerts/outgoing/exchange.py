"""One request and its answer over a connected socket, within a deadline and a number of bytes."""

import http.client
import io
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .connect import Deadline
from .errors import OutgoingError
from .targets import Target

HEADER_BYTES = 65_536  # that a status line, headers and the framing of chunks may take besides the body
_PIECE = 65_536
_TOO_LONG = "The receiver's answer is too long"


@dataclass(frozen=True, slots=True)
class Answer:
    """status: any that came, redirects too, which are not followed. headers: by lower-case name. body: as it was sent,
    never unpacked, and no longer than asked for. seconds: from the lookup of the name to the end of the answer. whole:
    False where more would have come, or the time was over amid the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    whole: bool = True


class _Overrun(Exception):
    """More bytes came than an answer may have."""


class _Reading(io.RawIOBase):
    """What comes over the socket. Before each wait the deadline says how long it may take, so that bytes which drip
    one at a time wait no longer than others."""

    def __init__(self, connected: socket.socket, deadline: Deadline, most: int) -> None:
        self._connected, self._deadline, self._left = connected, deadline, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            raise _Overrun
        self._connected.settimeout(self._deadline.left())
        count = self._connected.recv_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count


class _Wire:
    """A socket as http.client needs it: it closes what it reads from at its own discretion, so the socket itself stays
    with the caller."""

    def __init__(self, connected: socket.socket, deadline: Deadline, most: int) -> None:
        self._connected, self._deadline, self._most = connected, deadline, most

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._connected, self._deadline, self._most))

    def sendall(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            self._connected.settimeout(self._deadline.left())
            rest = rest[self._connected.send(rest[:_PIECE]) :]

    def close(self) -> None:
        """The caller does."""


def exchange(
    connected: socket.socket,
    deadline: Deadline,
    target: Target,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    max_bytes: int,
) -> Answer:
    """Send a request and read its answer. Raises OutgoingError where none came that can be understood."""
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.auto_open = 0  # never a connection of its own
    connection.sock = _Wire(connected, deadline, max_bytes + HEADER_BYTES)
    try:
        _send(connection, target, method, headers, body)
        response = connection.getresponse()
    except _Overrun:
        raise OutgoingError("protocol", f"{_TOO_LONG}: headers without end. Check what answers there.") from None
    except TimeoutError:
        raise deadline.over() from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _not_http(error) from None
    with response:
        content, whole = _body(response, max_bytes)
    known = {name.lower(): ", ".join(response.headers.get_all(name, [])) for name in response.headers}
    return Answer(response.status, known, content, deadline.spent, whole)


def _send(
    connection: http.client.HTTPConnection, target: Target, method: str, headers: Mapping[str, str], body: bytes
) -> None:
    own = {
        "Host": target.authority,
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Length": str(len(body)),
    }
    given = {name: value for name, value in headers.items() if name.lower() not in {key.lower() for key in own}}
    connection.putrequest(method, target.path, skip_host=True, skip_accept_encoding=True)
    for name, value in (own | given).items():
        connection.putheader(name, value)
    try:
        connection.endheaders(body or None)
    except (BrokenPipeError, ConnectionResetError):
        # Who refuses a body may answer before it has read it all: the answer says more than the broken pipe.
        return


def _body(response: http.client.HTTPResponse, max_bytes: int) -> tuple[bytes, bool]:
    """What came of the body. Status and headers are there: what is wrong from here on does not unsay them, or a
    receiver that has taken a message would be sent it again."""
    pieces: list[bytes] = []
    size = 0
    try:
        while size < max_bytes:
            piece = response.read1(min(_PIECE, max_bytes - size))
            if not piece:
                return b"".join(pieces), not response.length
            # Chunks of a nonsensical size are read as one to the end.
            pieces.append(piece[: max_bytes - size])
            size += len(piece)
        return b"".join(pieces), size == max_bytes and not response.read1(1)
    except (_Overrun, OutgoingError, OSError, http.client.HTTPException, ValueError):
        return b"".join(pieces), False


def _not_http(error: Exception) -> OutgoingError:
    if isinstance(error, http.client.RemoteDisconnected | ConnectionError):
        return OutgoingError("protocol", "The receiver closed the connection without an answer. Check its log.")
    said = str(error).strip().splitlines()
    return OutgoingError(
        "protocol", f"What came back is no HTTP ({(said or ['empty'])[0][:100]}). Check host and port."
    )
