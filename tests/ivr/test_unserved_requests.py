"""Which requests within a call are refused in Asterisk's name; `test_in_dialog` has a real line."""

import pytest

from ivr.asterisk.sip_copies import Copy
from ivr.asterisk.unserved_requests import UnservedRequests

SIP, PHONE = 5060, 40000
HERE, THERE = bytes((127, 0, 0, 1)), bytes((127, 0, 0, 2))
REQUEST = (
    "{method} sip:127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bKa\r\n"
    "v: SIP/2.0/UDP 127.0.0.2:40000;rport;branch=z9hG4bKb\r\nMax-Forwards: 70\r\nf: <sip:1@127.0.0.2>;tag=theirs\r\n"
    "To: <sip:2@127.0.0.1>{tag}\r\nCall-ID: call\r\nCSeq: {number} {method}\r\n{more}\r\n\r\nbody\r\nTo: x;tag=y"
)


class Wire:
    """Copies of what an address sends within a call, and what Asterisk answers."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.requests = UnservedRequests(SIP, self.send)

    def send(self, response: bytes, request: Copy) -> None:
        assert (request.sender, request.from_port, request.receiver) == (THERE, PHONE, HERE)
        self.sent.append(response.decode())

    def request(self, method: str, tag: str = ";tag=ours", number: int = 7, more: str = "c: application/x-any") -> None:
        text = REQUEST.format(method=method, tag=tag, number=number, more=more)
        self.requests.copied(Copy(b"call", text.encode(), THERE, PHONE, SIP, HERE))

    def answer(self, status: str, method: str, number: int = 7) -> None:
        text = f"SIP/2.0 {status}\r\nCall-ID: call\r\nCSeq: {number} {method}\r\n\r\n"
        self.requests.copied(Copy(b"call", text.encode(), HERE, SIP, PHONE, THERE))


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_request_that_comes_again_without_an_answer_is_refused_each_time(wire: Wire) -> None:
    wire.request("SUBSCRIBE")
    wire.request("SUBSCRIBE", number=8)  # another one
    assert wire.sent == []
    wire.request("SUBSCRIBE")
    assert wire.sent == [
        "SIP/2.0 489 Bad Event\r\nVia: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bKa\r\n"
        "v: SIP/2.0/UDP 127.0.0.2:40000;rport;branch=z9hG4bKb\r\nf: <sip:1@127.0.0.2>;tag=theirs\r\n"
        "To: <sip:2@127.0.0.1>;tag=ours\r\nCall-ID: call\r\nCSeq: 7 SUBSCRIBE\r\nAllow-Events: refer\r\n"
        "Content-Length: 0\r\n\r\n"
    ]
    wire.request("SUBSCRIBE")  # the response was lost
    assert len(wire.sent) == 2


@pytest.mark.parametrize(
    ("method", "status"), [("NOTIFY", "489"), ("PUBLISH", "501"), ("FOO", "501"), ("foo", "501"), ("INFO", "415")]
)
def test_events_are_bad_and_other_methods_not_implemented(wire: Wire, method: str, status: str) -> None:
    wire.request(method)
    wire.request(method)
    assert [sent[8:11] for sent in wire.sent] == [status]


def test_what_asterisk_answers_or_serves_and_what_is_outside_a_call_is_left_to_it(wire: Wire) -> None:
    wire.request("FOO")
    wire.answer("481 Call/Transaction Does Not Exist", "FOO")
    wire.request("FOO")
    for _ in range(2):
        for method in ("INVITE", "BYE", "OPTIONS", "MESSAGE", "REFER", "UPDATE", "ACK"):
            wire.request(method)
        for body in ("Content-Type: application/dtmf-relay", "c:Application/dtmf", "Content-Length: 0\r\nX: y", "l:0"):
            wire.request("INFO", more=body)
        wire.request("SUBSCRIBE", tag="")
    # Asterisk's own, such as the NOTIFY of a transfer.
    own = REQUEST.format(method="NOTIFY", tag=";tag=theirs", number=1, more="Event: refer").encode()
    for _ in range(2):
        wire.requests.copied(Copy(b"call", own, HERE, SIP, PHONE, THERE))
    assert wire.sent == []


def test_only_so_many_are_remembered(wire: Wire) -> None:
    for number in range(1_500):
        wire.request("FOO", number=number)
    wire.request("FOO", number=1)
    assert wire.sent == []
    wire.request("FOO", number=1_499)
    assert len(wire.sent) == 1
