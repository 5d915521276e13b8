"""Changes that a telephone's line makes in SIP messages, and parts that it leaves alone."""

import pytest

from ivr.softphone.line import Line, parse_address, translate

NAMES = {b"127.0.0.1:9000": b"127.0.0.2:7000"}


def test_addresses_are_replaced_in_the_headers_only() -> None:
    message = (
        b"INVITE sip:1@127.0.0.1:9000 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9000;rport\r\n\r\na=127.0.0.1:9000\r\n"
    )
    assert translate(message, NAMES) == (
        b"INVITE sip:1@127.0.0.2:7000 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:7000;rport\r\n\r\na=127.0.0.1:9000\r\n"
    )


def test_a_longer_address_is_a_different_one() -> None:
    message = b"Contact: <sip:127.0.0.1:90001>\r\nX: 1127.0.0.1:9000, 9.127.0.0.1:9000\r\n\r\n"
    assert translate(message, NAMES) == message


def test_the_header_covered_by_a_password_digest_is_unchanged() -> None:
    message = b'REGISTER sip:x SIP/2.0\r\nAuthorization: Digest uri="sip:127.0.0.1:9000"\r\n\r\n'
    assert translate(message, NAMES) == message


def test_a_carrier_can_send_identities_that_a_telephone_could_not() -> None:
    line = Line("127.0.0.2", ("127.0.0.1", 5060), ("127.0.0.1", 9000))
    line.identities[b"caller-1"] = b'"\x01\xff\\"" <sip:;@x>'
    head = b"INVITE sip:1@x SIP/2.0\r\nFrom: <sip:caller-1@127.0.0.1>;tag=ab\r\nTo: <sip:caller-1@y>\r\n\r\n"
    assert line.outgoing(head) == (
        b'INVITE sip:1@x SIP/2.0\r\nFrom: "\x01\xff\\"" <sip:;@x>;tag=ab\r\nTo: <sip:caller-1@y>\r\n\r\n'
    )
    other = head.replace(b"caller-1", b"caller-11")
    assert line.outgoing(other) == other


def test_a_refusal_has_the_requested_status() -> None:
    line = Line("127.0.0.3", ("127.0.0.1", 5060), ("127.0.0.1", 9000))
    line.refusal = b"603 Decline"
    assert line.outgoing(b"SIP/2.0 486 Busy Here\r\nX: 1\r\n\r\n") == b"SIP/2.0 603 Decline\r\nX: 1\r\n\r\n"
    assert line.outgoing(b"SIP/2.0 200 OK\r\n\r\n") == b"SIP/2.0 200 OK\r\n\r\n"


def test_an_address_is_host_and_port() -> None:
    assert parse_address("127.0.0.1:5070") == ("127.0.0.1", 5070)
    assert parse_address("127.0.0.1") == ("127.0.0.1", 5060)
    with pytest.raises(ValueError, match="expected host or host:port"):
        parse_address("127.0.0.1:sip")
