"""Run in a network namespace of its own: loads nftables rules and reports how much of a flood of INVITEs passes.

    unshare --user --map-root-user --net python namespace_flood.py NFT… -- RULES PORT

`NFT…` is the command line of nft. 127.0.0.2 sends 300 INVITEs and as many ACKs to 127.0.0.1:PORT, 127.0.0.3 20 INVITEs
meanwhile. Prints how many passed, by sender and method, and how many `seconds` that took, as JSON.
"""

import json
import socket
import subprocess
import sys
import time
from collections import Counter

from namespace_audio import loopback_up


def main() -> None:
    split = sys.argv.index("--")
    nft, (rules, port) = sys.argv[1:split], sys.argv[split + 1 :]
    loopback_up()
    subprocess.run([*nft, "-f", rules], check=True)
    passed = Counter[str]()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        listener.bind(("127.0.0.1", int(port)))
        listener.setblocking(False)
        flood.bind(("127.0.0.2", 0))
        other.bind(("127.0.0.3", 0))
        began = time.monotonic()
        for number in range(300):
            sent = [(flood, b"INVITE"), (flood, b"ACK"), *([(other, b"INVITE")] if number % 15 == 0 else [])]
            for sender, method in sent:
                sender.sendto(method + b" sip:1@127.0.0.1 SIP/2.0\r\n\r\n", ("127.0.0.1", int(port)))
                try:
                    message, (address, _) = listener.recvfrom(100)
                except BlockingIOError:  # on the loopback a packet that passes is there at once
                    continue
                passed[f"{address} {message.split()[0].decode()}"] += 1
        json.dump({**passed, "seconds": time.monotonic() - began}, sys.stdout)


if __name__ == "__main__":
    main()
