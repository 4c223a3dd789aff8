"""A TCP proxy on loopback that remembers every byte: what a test finds there, anybody on the network finds."""

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator


def forms_of(text: str) -> list[bytes]:
    """A text as it may stand in a stream: as it is, and inside base64 at each of its three alignments."""
    raw = text.encode()
    inner = [base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)]
    return [raw, *inner, *(form.translate(bytes.maketrans(b"+/", b"-_")) for form in inner)]


class Wiretap:
    """Listens on a port of its own and hands everything on."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.heard = bytearray()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.getsockname()[1])

    def has_heard(self, text: str) -> bool:
        """Whether a text went over the wire, readable."""
        with self._lock:
            heard = bytes(self.heard)
        return any(form in heard for form in forms_of(text))

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
                remote = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open += [client, remote]
            for source, sink in ((client, remote), (remote, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                with self._lock:
                    self.heard += data
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it and every connection."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextlib.contextmanager
def tapping(port: int) -> Iterator[Wiretap]:
    """A wiretap in front of a port of this machine."""
    tap = Wiretap(port)
    try:
        yield tap
    finally:
        tap.close()
