"""A TCP proxy that can be told to be away: refused, or silent as behind a firewall."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Forwards connections to ``target`` (host, port) until it is ``refused`` or ``silent``; counts them."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target, self.connections, self._silent = target, 0, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def refuse(self) -> None:
        """From now on nobody listens, and what was open is closed."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._drop()

    def fall_silent(self) -> None:
        """From now on connections are taken and nothing is answered."""
        self._silent.set()
        self._drop()

    close = refuse

    def _drop(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            if self._silent.is_set():
                continue
            server = socket.create_connection(self.target)
            self._open.append(server)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
