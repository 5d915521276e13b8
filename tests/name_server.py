"""A name server on loopback that knows what a test tells it: A and SRV records."""

import socket
import struct
import threading
from collections.abc import Mapping, Sequence

_A, _SRV = 1, 33
Target = tuple[int, int, str]
"""Priority, port and name of a server."""


class NameServer:
    """Answers until it is closed."""

    def __init__(
        self, address: str, port: int, hosts: Mapping[str, str], services: Mapping[str, Sequence[Target]]
    ) -> None:
        self.hosts, self.services = dict(hosts), dict(services)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, sender = self._socket.recvfrom(4096)
            if not question:
                return
            self._socket.sendto(self._answer(question), sender)

    def _answer(self, question: bytes) -> bytes:
        """Return the answer; it lives for one second. A name that is not known does not exist."""
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1 : at + 1 + length].decode())
            at += 1 + length
        name, (kind,) = ".".join(labels).lower(), struct.unpack("!H", question[at + 1 : at + 3])
        records = []
        if kind == _A and name in self.hosts:
            records.append(socket.inet_aton(self.hosts[name]))
        if kind == _SRV:
            for priority, port, target in self.services.get(name, ()):
                records.append(struct.pack("!HHH", priority, 1, port) + _encode(target))
        known = {*self.hosts, *self.services}
        code = 0 if name in known else 3
        head = question[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(records), 0, 0)
        answers = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(record)) + record for record in records)
        return head + question[12 : at + 5] + answers


def _encode(name: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"
