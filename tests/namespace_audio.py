"""Run in a network namespace of its own: loads nftables rules and reports the sources whose packets pass.

    unshare --user --map-root-user --net python namespace_audio.py NFT… -- RULES PORT ADDRESS…

`NFT…` is the command line of nft. Prints the addresses whose packet reached 127.0.0.1:PORT, one per line. An address
may be ADDRESS@TCP: it has a connection to that port of 127.0.0.1 then. With ADDRESS? it answers a packet from there.
"""

import fcntl
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1  # of an interface; linux/sockios.h


@contextmanager
def tcp_connection(address: str, port: int) -> Iterator[None]:
    with (
        socket.create_server(("127.0.0.1", port)) as server,
        socket.create_connection(("127.0.0.1", port), source_address=(address, 0)) as there,
    ):
        here, _ = server.accept()
        with here:
            there.sendall(b"hello")
            here.recv(5)
            yield


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = fcntl.ioctl(control, _GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
        (flags,) = struct.unpack_from("h", answer, 16)
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def main() -> None:
    split = sys.argv.index("--")
    nft, (rules, port, *addresses) = sys.argv[1:split], sys.argv[split + 1 :]
    loopback_up()
    for _ in range(2):  # the second load must replace the first
        subprocess.run([*nft, "-f", rules], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", int(port)))
        listener.settimeout(0.2)
        for named in addresses:
            address, _, connected = named.removesuffix("?").partition("@")
            if connected:
                stack.enter_context(tcp_connection(address, int(connected)))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((address, 0))
                if named.endswith("?"):
                    listener.sendto(b"request", sender.getsockname())
                with suppress(PermissionError):  # what the kernel says to a sender whose packet it drops
                    sender.sendto(b"audio", ("127.0.0.1", int(port)))
            try:
                sys.stdout.write(f"{listener.recvfrom(100)[1][0]}\n")
            except TimeoutError:
                continue


if __name__ == "__main__":
    main()
