"""Run in a network namespace, as another machine: reports what Asterisk's host answers to a browser there.

    python namespace_browser.py HOST GATE_PORT PAGE_PORT TICKET OTHER_PORT…

Prints one JSON document: the status of each request to the gate, and of each other port whether it is `refused`.
"""

import http.client
import json
import socket
import sys

PATHS = ("/ari/asterisk/info", "/ari/channels", "/ari/events?app=hatif", "/httpstatus", "/static/x", "/", "/ws")
HEADERS = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "sip",
}


def status(host: str, port: int, path: str, headers: dict[str, str]) -> int:
    """Return the status of one request."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def look(host: str, port: int) -> str:
    """Return how a TCP port answers."""
    try:
        socket.create_connection((host, port), 2).close()
    except ConnectionRefusedError:
        return "refused"
    return "open"


def main() -> None:
    host, ticket = sys.argv[1], sys.argv[4]
    gate, page, *others = map(int, (*sys.argv[2:4], *sys.argv[5:]))
    upgrade = {**HEADERS, "Sec-WebSocket-Protocol": f"sip, ticket.{ticket}"}
    own = {"Origin": f"http://{host}:{page}"}
    found = {
        "plain": {path: status(host, gate, path, own) for path in PATHS},
        "upgrade": {path: status(host, gate, path, {**upgrade, **own}) for path in PATHS},
        "without_ticket": status(host, gate, "/ws", {**HEADERS, **own}),
        "another_site": status(host, gate, "/ws", {**upgrade, "Origin": "http://elsewhere.example"}),
        "ports": {port: look(host, port) for port in others},
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
