"""Half-open calls: one INVITE each, and no ACK."""

import socket
import time
from collections.abc import Sequence


def send_half_open_calls(address: str, port: int, number: str, callers: Sequence[str]) -> list[socket.socket]:
    """Send one INVITE from each caller, from a carrier's `address` to Asterisk's `port`, 400 a second.

    The returned sockets receive Asterisk's answers and never reply.
    """
    signalling, audio = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for bound in (signalling, audio):
        bound.bind((address, 0))
    here, media = signalling.getsockname()[1], audio.getsockname()[1]
    body = (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {media} RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
    for count, caller in enumerate(callers):
        once = f"{count}.{time.monotonic_ns()}"
        signalling.sendto(
            (
                f"INVITE sip:{number}@127.0.0.1:{port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {address}:{here};branch=z9hG4bK{once};rport\r\nMax-Forwards: 70\r\n"
                f"From: <sip:{caller}@{address}>;tag=t\r\nTo: <sip:{number}@127.0.0.1>\r\nCall-ID: half{once}\r\n"
                f"Contact: <sip:{caller}@{address}:{here}>\r\nCSeq: 1 INVITE\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode(),
            ("127.0.0.1", port),
        )
        time.sleep(0.0025)
    return [signalling, audio]
