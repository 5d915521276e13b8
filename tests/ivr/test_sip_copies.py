"""Copies of SIP messages show whether a call that was asked is still there; anything else changes nothing."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.sip_copies import SipCopies


def copy(message: str, call_id: str = "one") -> bytes:
    def chunk(kind: int, content: bytes) -> bytes:
        return struct.pack("!HHH", 0, kind, 6 + len(content)) + content

    chunks = chunk(0x0B, b"\x01") + chunk(0x11, call_id.encode()) + chunk(0x0F, message.encode())
    return b"HEP3" + struct.pack("!H", 6 + len(chunks)) + chunks


def message(first: str, branch: str = "z9hG4bKa", method: str = "INVITE") -> str:
    return f"{first}\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;rport;branch={branch}\r\nCSeq: 7 {method}\r\n\r\nv=0\r\n"


INVITE = message("INVITE sip:1@127.0.0.2 SIP/2.0")


def signs_of_life(*packets: bytes) -> list[bool]:
    copies, signs = SipCopies(), list[bool]()
    copies.expect("one", signs.append)
    for packet in packets:
        copies.datagram_received(packet)
    return signs


@pytest.mark.parametrize(
    ("answer", "alive"),
    [
        ("SIP/2.0 200 OK", [True]),
        ("SIP/2.0 488 Not Acceptable Here", [True]),
        ("SIP/2.0 501 Not Implemented", [True]),
        ("SIP/2.0 405 Method Not Allowed", [True]),
        ("SIP/2.0 100 Trying", []),
        ("SIP/2.0 481 Call/Transaction Does Not Exist", [False]),
        ("SIP/2.0 408 Request Timeout", [False]),
        ("BYE sip:1@127.0.0.2 SIP/2.0", [False]),
        ("SIP/2.0", []),
    ],
)
def test_any_final_response_but_two_shows_that_the_call_is_there(answer: str, alive: list[bool]) -> None:
    assert signs_of_life(copy(INVITE), copy(message(answer)), copy(message("SIP/2.0 200 OK"))) == (alive or [True])


def test_only_a_response_to_the_session_refresh_counts() -> None:
    ok = "SIP/2.0 200 OK"
    others = (message(ok, "z9hG4bKb"), message(ok, method="OPTIONS"), message("SIP/2.0 200 OK").replace("Via", "X"))
    assert (
        signs_of_life(
            copy(message(ok)), copy(INVITE, "two"), copy(INVITE), *map(copy, others), copy(message(ok), "two")
        )
        == []
    )


def registered(*packets: bytes) -> float | None:
    copies = SipCopies()
    for packet in packets:
        copies.datagram_received(packet)
    return copies.lifetime("one")


def answer(status: str = "200 OK", contact: str = "", method: str = "REGISTER") -> str:
    return message(f"SIP/2.0 {status}", method=method).replace("\r\n\r\n", f"\r\n{contact}\r\n\r\n")


CONTACT = "Contact: <sip:1001@127.0.0.3:5060>;expires=59"


def test_a_registration_has_a_lifetime_until_the_telephone_unregisters() -> None:
    assert registered(copy(answer(contact=CONTACT))) == 59
    assert registered(copy(answer(contact=CONTACT)), copy(answer())) is None


@pytest.mark.parametrize(
    "other",
    [
        answer("401 Unauthorized", CONTACT),
        answer(contact=CONTACT, method="INVITE"),
        answer(contact=f"Allow: INVITE, REGISTER\r\n{CONTACT}", method="INVITE"),
        answer(contact=CONTACT.replace("59", "")),
        message("REGISTER sip:127.0.0.1 SIP/2.0", method="REGISTER"),
    ],
)
def test_only_an_accepted_registration_counts(other: str) -> None:
    assert registered(copy(other), copy(answer(contact=CONTACT), "two")) is None


def test_a_response_that_allows_registrations_still_shows_that_the_call_is_there() -> None:
    assert signs_of_life(copy(INVITE), copy(message("SIP/2.0 200 OK\r\nAllow: INVITE, REGISTER"))) == [True]


def test_a_flood_of_registrations_does_not_fill_the_memory() -> None:
    many = (copy(answer(contact=CONTACT), f"other {n}") for n in range(1500))
    assert registered(copy(answer(contact=CONTACT)), *many) is None


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda junk: b"HEP3" + junk))
def test_a_malformed_copy_is_dropped(packet: bytes) -> None:
    assert signs_of_life(packet) == []
