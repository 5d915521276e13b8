"""The test telephones themselves: they call each other without an exchange."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio
from baresip.call import DigitEvent
from levels import longest_silence, silences

from ivr.softphone.sound import find, tone, tone_share
from ivr.softphone.telephone import Call, CallEndedError, Operator, RegistrationError, Telephones

CALLER_HZ, OPERATOR_HZ = 1130, 1870


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def phones() -> AsyncIterator[Telephones]:
    async with Telephones() as phones:
        yield phones


@pytest_asyncio.fixture(loop_scope="session")
async def phone(phones: Telephones) -> Operator:
    phone = phones.operator("101")
    await phone.open()
    return phone


async def talk(phones: Telephones, phone: Operator) -> tuple[Call, Call]:
    """Return both sides of a connected call: the caller's and the operator's."""
    phone.will_answer(after_s=0.05)
    call = await phones.caller("+33612345678").dial(phone.uri)
    await call.established()
    return call, await phone.next_call()


async def test_each_side_hears_the_other_sides_tone(phones: Telephones, phone: Operator) -> None:
    call, other = await talk(phones, phone)
    call.tone(CALLER_HZ)
    other.tone(OPERATOR_HZ)
    shares = await asyncio.gather(call.hears_tone(OPERATOR_HZ), other.hears_tone(CALLER_HZ))
    assert min(shares) > 0.9
    other.silence()
    await asyncio.sleep(0.3)
    since_s = call.clock
    await asyncio.sleep(0.3)
    assert longest_silence(call.heard(since_s)).length_s > 0.2
    await call.hangup()


async def test_each_side_hears_what_the_other_plays(phones: Telephones, phone: Operator) -> None:
    call, other = await talk(phones, phone)
    sweep = (tone(1200, 0.4), tone(1500, 0.3), tone(2100, 0.5))
    for part in sweep:
        other.play(part)
        await call.hears(part, timeout_s=3)
    with pytest.raises(TimeoutError, match="not heard; best score"):
        await call.hears(tone(2900, 0.5), timeout_s=0.2)
    await call.hangup()


async def test_keys_arrive_exactly_once_and_in_order_both_ways(phones: Telephones, phone: Operator) -> None:
    call, other = await talk(phones, phone)
    await asyncio.gather(call.press("12#"), other.press("*0D"))
    await asyncio.sleep(0.2)
    assert (other.keys, call.keys) == ("12#", "*0D")
    with pytest.raises(ValueError, match="not a DTMF digit"):
        await call.press("x")
    await call.hangup()


async def test_a_press_that_is_cancelled_releases_its_key(phones: Telephones, phone: Operator) -> None:
    call, other = await talk(phones, phone)
    released: asyncio.Queue[DigitEvent] = asyncio.Queue()
    other._native.on_dtmf(released.put_nowait)
    pressing = asyncio.create_task(call.press("12"))
    for _ in range(500):
        if other.keys:
            break
        await asyncio.sleep(0.01)
    pressing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pressing
    async with asyncio.timeout(5):
        assert (await released.get()).digit == "1"
    await call.press("3")
    async with asyncio.timeout(5):
        assert (await released.get()).digit == "3"
    assert other.keys == "13"
    await call.hangup()


@pytest.mark.parametrize("who", ["caller", "operator"])
async def test_the_end_of_a_call_names_the_side_that_hung_up(phones: Telephones, phone: Operator, who: str) -> None:
    call, other = await talk(phones, phone)
    first, second = (call, other) if who == "caller" else (other, call)
    await first.hangup()
    assert (await first.ended()).by_us
    end = await second.ended()
    assert (end.status, end.reason, end.by_us) == (200, "hung up by the other side", False)
    assert second.state == "ended"
    with pytest.raises(CallEndedError, match="hung up by the other side"):
        await second.press("1")


@pytest.mark.parametrize(("status", "reason"), [(486, "Busy Here"), (603, "Decline"), (480, "Temporarily Unavailable")])
async def test_a_refusal_has_its_status(phones: Telephones, phone: Operator, status: int, reason: str) -> None:
    phone.will_refuse(status)
    call = await phones.caller("+33612345678").dial(phone.uri)
    with pytest.raises(CallEndedError) as refused:
        await call.established()
    assert (refused.value.end.status, refused.value.end.reason, call.status) == (status, reason, status)


async def test_a_call_that_nobody_answers_rings_until_the_caller_gives_up(phones: Telephones, phone: Operator) -> None:
    phone.will_ring()
    call = await phones.caller("+33612345678").dial(phone.uri)
    with pytest.raises(TimeoutError, match=r"not answered within 0\.3 s"):
        await call.established(0.3)
    other = await phone.next_call()
    assert (call.state, other.state, call.ringing is not None) == ("ringing", "ringing", True)
    await call.hangup()
    assert not (await other.ended()).by_us
    assert (await call.ended()).by_us


async def test_a_test_can_answer_a_call_itself(phones: Telephones, phone: Operator) -> None:
    call = await phones.caller("+33612345678").dial(phone.uri)
    other = await phone.next_call()
    assert other.peer == "sip:+33612345678@127.0.0.2"
    await other.answer()
    await call.established()
    assert call.answered is not None
    assert 0 <= call.answered - call.began < 1
    await other.hangup()


async def test_a_telephone_without_power_sends_nothing_more(phones: Telephones, phone: Operator) -> None:
    call, other = await talk(phones, phone)
    other.tone(OPERATOR_HZ)
    await call.hears_tone(OPERATOR_HZ)
    before_s = call.clock
    await phone.vanish()
    await asyncio.sleep(0.6)
    assert call.state == "talking"  # the caller does not know
    assert longest_silence(call.heard(before_s)).length_s > 0.4
    await call.hangup()


async def test_thirty_calls_at_once(phones: Telephones, phone: Operator) -> None:
    phone.will_answer(after_s=0, tone_hz=OPERATOR_HZ)
    callers = [phones.caller(f"+336123456{n:02d}") for n in range(30)]
    calls = await asyncio.gather(*(caller.dial(phone.uri) for caller in callers))
    await asyncio.gather(*(call.established() for call in calls))
    assert min(await asyncio.gather(*(call.hears_tone(OPERATOR_HZ, share=0.9) for call in calls))) >= 0.9
    assert {call.peer for call in phone.calls} == {f"sip:+336123456{n:02d}@127.0.0.2" for n in range(30)}
    await asyncio.gather(*(call.hangup() for call in calls))
    await asyncio.gather(*(call.ended() for call in phone.calls))


async def test_sound_goes_on_while_the_event_loop_is_blocked(phones: Telephones, phone: Operator) -> None:
    call, other = await talk(phones, phone)
    call.tone(CALLER_HZ)
    other.tone(OPERATOR_HZ)
    await asyncio.gather(call.hears_tone(OPERATOR_HZ), other.hears_tone(CALLER_HZ))
    since_s = call.clock
    time.sleep(0.7)  # noqa: ASYNC251
    for heard, frequency in ((call.heard(since_s), OPERATOR_HZ), (other.heard(since_s), CALLER_HZ)):
        assert len(heard) > 0.55 * 8000
        assert tone_share(heard, frequency) > 0.9
        assert not silences(heard, 0.1)
    assert find(call.heard(), tone(OPERATOR_HZ, 0.5)).same
    await call.hangup()


async def test_telephones_open_again_and_side_by_side(phones: Telephones) -> None:
    for _ in range(2):
        async with Telephones() as more:
            phone = more.operator("101")
            await phone.open()
            call, _ = await talk(more, phone)
        assert call.state == "ended"
    phone = phones.operator("101")
    await phone.open()
    call, _ = await talk(phones, phone)
    await call.hangup()


class Registrar(asyncio.DatagramProtocol):
    """Answers each request with one status; `got` has the requests and their senders."""

    def __init__(self, status: str) -> None:
        self.status = status
        self.got: list[tuple[str, str]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.startswith(b"ACK"):
            return
        self.got.append((data.decode(errors="replace"), f"{addr[0]}:{addr[1]}"))
        self.transport.sendto(self.answer(data), addr)

    def answer(self, request: bytes) -> bytes:
        copied = re.findall(rb"^(?:Via|From|To|Call-ID|CSeq|Contact): .*\r\n", request, re.MULTILINE)
        return f"SIP/2.0 {self.status}\r\n".encode() + b"".join(copied) + b"Content-Length: 0\r\n\r\n"

    async def serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readuntil(b"\r\n\r\n"):
            host, port = writer.get_extra_info("peername")
            self.got.append((request.decode(), f"{host}:{port}"))
            writer.write(self.answer(request))


async def registrar_at(status: str) -> tuple[Registrar, str]:
    registrar = Registrar(status)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: registrar, ("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    return registrar, f"{host}:{port}"


async def test_a_telephone_registers_from_its_own_address(phones: Telephones) -> None:
    registrar, server = await registrar_at("200 OK")
    phone = phones.operator("1001", "secret", server)
    await phone.register()
    message, sender = registrar.got[0]
    assert sender == phone.address
    assert sender.startswith("127.0.0.3:")
    assert message.startswith(f"REGISTER sip:{server};transport=udp SIP/2.0")
    assert f"<sip:1001@{sender}>" in message
    await phone.unregister()
    assert "expires=0" in registrar.got[-1][0]
    registrar.transport.close()


async def test_a_telephone_registers_over_tcp(phones: Telephones) -> None:
    registrar = Registrar("200 OK")
    done = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await registrar.serve_stream(reader, writer)
        except asyncio.IncompleteReadError:
            done.set_result(None)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with Telephones() as more:
        phone = more.operator("1002", "secret", f"{host}:{port}", transport="tcp")
        await phone.register()
        message, sender = registrar.got[0]
        assert sender == phone.address
        assert re.search(rf"Contact: <sip:1002[^@]*@{sender};transport=tcp>", message)
    await asyncio.wait_for(done, 5)
    assert "expires=0" in registrar.got[-1][0]  # closing a telephone unregisters it
    server.close()
    assert phones is not more


async def test_a_refused_registration_has_its_status(phones: Telephones) -> None:
    registrar, server = await registrar_at("403 Forbidden")
    with pytest.raises(RegistrationError) as refused:
        await phones.operator("1003", "wrong", server).register()
    assert refused.value.status == 403
    registrar.transport.close()


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({"number": "+33612345678", "name": 'A "B" \\'}, r'From: "A \"B\" \\" <sip:+33612345678@127.0.0.2>;tag='),
        ({"number": None}, 'From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag='),
        ({"number": None, "asserted": "+33612345678"}, "P-Asserted-Identity: <sip:+33612345678@127.0.0.2>"),
        ({"number": "+33612345678", "name": "\x01\x07${X}\u202e"}, 'From: "\x01\x07${X}\u202e" <sip:+33612345678@'),
        ({"identity": b"<tel:+1;x=\xff>"}, "From: <tel:+1;x=\ufffd>;tag="),
    ],
)
async def test_a_carrier_can_send_any_caller(phones: Telephones, who: dict[str, str], expected: str) -> None:
    exchange, server = await registrar_at("404 Not Found")
    call = await phones.caller(**who).dial(f"sip:+33800123456@{server}")  # type: ignore[arg-type]
    assert (await call.ended()).status == 404
    message, sender = exchange.got[0]
    assert sender.startswith("127.0.0.2:")
    assert message.startswith(f"INVITE sip:+33800123456@{server};transport=udp SIP/2.0\r\n")
    assert (
        f"Contact: <sip:caller-{message.partition('Contact: <sip:caller-')[2].partition('@')[0]}@{sender}>" in message
    )
    assert expected in message
    exchange.transport.close()


async def test_wrong_use_raises_an_error_that_explains_it(phones: Telephones) -> None:
    with pytest.raises(ValueError, match="expected sip:NUMBER@HOST:PORT"):
        await phones.caller("1").dial("tel:+33800123456")
    with pytest.raises(RuntimeError, match="not connected"):
        phones.operator("1004").uri  # noqa: B018
    with pytest.raises(ValueError, match="not with 200"):
        phones.operator("1004").will_refuse(200)
    with pytest.raises(RuntimeError, match="are not open"):
        await Telephones().operator("1004").open()
    with pytest.raises(OSError, match="assign"):
        await phones.operator("1004", address="192.0.2.1").open()
