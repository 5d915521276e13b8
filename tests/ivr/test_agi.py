"""FastAGI services answer a dialplan with variables, and nothing that connects can hold them up."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import pytest
from line import Line
from other_user import NOBODY, as_root, made_as

from background import loopback_users
from ivr.agi import server
from ivr.agi.case_service import CaseService
from ivr.agi.log_service import LogService
from ivr.agi.request import Request, RequestError, commands, parse, value_of
from ivr.agi.services import Services
from ivr.home.settings import EXAMPLE
from ivr.hours.opening import Opening
from ivr.model import clock
from ivr.site import site
from routing.hours import Force, Override
from routing.states import Operator, OperatorState

clock.prepare()

HEADER = b"agi_network: yes\nagi_network_script: %s\nagi_extension: 0033800212000\nagi_arg_1: %s\nagi_arg_2: %s\n\n"


class Recorder:
    def hours_forced(self, override: Override, row: object) -> None:
        return None


@pytest.fixture(scope="module")
def opening() -> Opening:
    return Opening(site.load(EXAMPLE), Recorder(), None)  # type: ignore[arg-type]  # nothing is stored


def ready(identity: str, level: int, since: float = 0.0, **changes: object) -> Operator:
    values: dict[str, object] = {"state": OperatorState.READY, "since": since, **changes}
    return Operator(identity, {"fr": level}, **values)  # type: ignore[arg-type]


@pytest.fixture
def services(opening: Opening) -> Services:
    operators = [
        ready("late", 5, 20),
        ready("early", 5, 10),
        ready("fair", 3, 1),
        ready("visas", 5, 1, topics=frozenset({"visas"})),
        ready("busy", 5, state=OperatorState.TALKING),
        ready("off", 5, planned=False),
        ready("dialling", 5, on_line=True),
    ]
    loaded = site.load(EXAMPLE)
    cases, calls = CaseService(lambda: loaded, None), LogService(lambda: loaded, (), None)  # type: ignore[arg-type]  # tested elsewhere
    return Services(lambda: loaded, opening, lambda: operators, cases, calls)


async def ask_for(services: Services, request: Request) -> dict[str, str]:
    async def variable(name: str) -> str:
        return ""

    return await services.answer(request, variable)


async def test_the_languages_of_a_number_are_known_in_each_of_its_forms(services: Services) -> None:
    for number in ("+33800212000", "0033800212000", "33800212000"):
        found = await ask_for(services, Request("language", arguments=(number,)))
        assert (found["HATIF_AGI"], found["HATIF_COUNTRY"], found["HATIF_LANG"]) == ("ok", "FR", "fr")
        assert found["HATIF_LANGS"].split(",")[0] == "fr" and len(found["HATIF_LANGS"].split(",")) == 7
    assert (await ask_for(services, Request("language", "0033800212000")))[
        "HATIF_COUNTRY"
    ] == "FR"  # without an argument
    assert (await ask_for(services, Request("language", "s")))["HATIF_COUNTRY"] == ""


async def test_the_hours_are_those_of_the_line(services: Services, opening: Opening) -> None:
    opening.force(Override(Force.CLOSED, until=datetime(2100, 1, 1, tzinfo=UTC)))
    closed = await ask_for(services, Request("hours"))
    assert closed["HATIF_HOURS"] == "closed" and closed["HATIF_OPEN_UNTIL"] == ""
    opening.force(Override(Force.OPEN, until=datetime(2100, 1, 1, tzinfo=UTC)))
    opened = await ask_for(services, Request("hours", arguments=("+33800212000", "fr")))
    assert opened["HATIF_HOURS"] == "open" and opened["HATIF_OPEN_UNTIL"] == "4102444800"
    opening.force(Override(Force.AUTO))


async def test_who_could_take_a_call_is_in_order(services: Services) -> None:
    found = await ask_for(services, Request("route", arguments=("fr", "passports")))
    assert found["HATIF_OPERATORS"] == "early,late,fair"
    assert (found["HATIF_READY"], found["HATIF_QUEUE"]) == ("3", "hatif-fr")
    every = await ask_for(services, Request("route", arguments=("fr",)))
    assert every["HATIF_OPERATORS"] == "visas,early,late,fair"
    nobody = await ask_for(services, Request("route", arguments=("xx",)))
    assert (nobody["HATIF_READY"], nobody["HATIF_OPERATORS"], nobody["HATIF_QUEUE"]) == ("0", "", "")


def test_what_is_not_a_request_is_refused() -> None:
    for header in (b"GET / HTTP/1.1\nHost: x\n\n", b"agi_request: x\n\n", b"\n\n", b"\xff\xfe: x\n\n"):
        with pytest.raises(RequestError):
            parse(header)
    assert parse(HEADER % (b"/hours?x", b"a" * 1000, b"")).service == "hours"
    assert len(parse(HEADER % (b"hours", b"a" * 1000, b"")).argument(1)) == 200


def test_a_withheld_number_is_not_used() -> None:
    shown = b"agi_network: yes\nagi_callerid: 0612345678\nagi_callingpres: %d\nagi_uniqueid: n1-1764338401.7\n\n"
    assert (parse(shown % 0).caller, parse(shown % 3).caller) == ("0612345678", "0612345678")
    assert {parse(shown % presentation).caller for presentation in (32, 33, 35)} == {""}
    assert parse(b"agi_network: yes\nagi_callerid: unknown\n\n").caller == ""
    assert parse(shown % 0).channel == "n1-1764338401.7"


def test_the_value_of_a_variable_is_read() -> None:
    assert value_of(b"200 result=1 (4029 (13))\n") == "4029 (13)"
    assert value_of(b"200 result=0\n") == value_of(b"HANGUP\n") == value_of(b"\xff\n") == ""


def test_no_value_can_add_a_command() -> None:
    assert commands({"A": 'x"\nEXEC System rm\r\\é'}) == [b'SET VARIABLE A "xEXEC System rm"\n']


# The server


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    return number


@pytest.fixture
def asterisk_port() -> int:
    """Return a port at which nobody listens yet."""
    return free_port()


@pytest.fixture
async def serving(services: Services, asterisk_port: int) -> AsyncIterator[tuple[int, asyncio.Task[None]]]:
    number = free_port()
    running = asyncio.create_task(server.run(services, number, asterisk_port))
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", number)
            writer.close()
            break
        except OSError:
            await asyncio.sleep(0.01)
    yield number, running
    running.cancel()
    await asyncio.wait([running])


@pytest.fixture
def port(serving: tuple[int, asyncio.Task[None]]) -> int:
    return serving[0]


async def ask_as(user: int, port: int, request: bytes) -> bytes:
    """Return the first line of the answer to another user's request."""
    connection = made_as(user)
    connection.connect(("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(request)
    async with asyncio.timeout(5):
        with suppress(ConnectionError):
            answer = await reader.readline()
            writer.close()
            return answer
    return b""


def test_a_connection_that_was_closed_has_no_user() -> None:
    """The kernel lists it as root's for a while."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as connection:
        connection.connect(listening.getsockname())
        accepted, peer = listening.accept()
        with accepted:
            assert loopback_users.user_of(peer, accepted.getsockname()) == os.geteuid()
            connection.close()
            assert loopback_users.user_of(peer, accepted.getsockname()) is None


async def ask(port: int, service: bytes, *arguments: bytes) -> list[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEADER % (service, *(*arguments, b"", b"")[:2]))
    lines = []
    async with asyncio.timeout(5):
        while line := await reader.readline():
            lines.append(line.decode().strip())
            writer.write(b"200 result=1\n")
    writer.close()
    return lines


async def test_variables_are_set_over_the_network_and_the_connection_ends(port: int) -> None:
    *first, _, last = await ask(port, b"language")
    assert first == ['SET VARIABLE HATIF_COUNTRY "FR"', 'SET VARIABLE HATIF_LANG "fr"']
    assert last == 'SET VARIABLE HATIF_AGI "ok"'  # once all the others are set
    assert await ask(port, b"nothing") == ['SET VARIABLE HATIF_AGI "unknown"']


async def test_probes_and_silent_connections_hold_nobody_up(port: int) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
    for probe in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"x" * 20_000, b"agi_network: yes\n", b"\n\n"):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(probe)
        writer.close()
    answers = await asyncio.gather(*(ask(port, b"hours") for _ in range(20)))
    assert all(len(answer) == 4 for answer in answers)
    for reader, writer in silent:
        writer.close()
        assert await reader.read() == b""


@as_root
async def test_another_user_of_the_machine_learns_nothing_and_adds_no_call_unless_asterisk_runs_as_they_do(
    port: int, asterisk_port: int
) -> None:
    """They could try PINs in the name of any caller, and write calls into the database."""
    request = HEADER % (b"route", b"fr", b"")
    assert await ask_as(NOBODY, port, request) == b""
    assert (await ask(port, b"route", b"fr"))[-1] == 'SET VARIABLE HATIF_AGI "ok"'
    with made_as(NOBODY) as asterisk:
        asterisk.bind(("127.0.0.1", asterisk_port))
        asterisk.listen()
        assert (await ask_as(NOBODY, port, request)).startswith(b"SET VARIABLE HATIF_QUEUE")
        with ExitStack() as elsewhere:
            for family, address in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::")):
                other = elsewhere.enter_context(made_as(NOBODY - 1, family))
                if family == socket.AF_INET6:
                    other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with suppress(OSError):  # a machine without IPv6
                    other.bind((address, asterisk_port))
                    other.listen()
            assert await ask_as(NOBODY - 1, port, request) == b"", "it listens there as well, and is not Asterisk"


async def test_a_silent_connection_is_ended(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HEADER_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_a_silent_connection_does_not_hold_up_the_end_of_the_server(
    serving: tuple[int, asyncio.Task[None]],
) -> None:
    port, running = serving
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0.05)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=1)
    assert done
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


async def test_too_many_connections_are_refused_and_the_next_is_served(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 2)
    first = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    await asyncio.sleep(0.05)
    reader, refused = await asyncio.open_connection("127.0.0.1", port)
    with suppress(ConnectionError):
        assert await reader.read() == b""
    for writer in (refused, *(writer for _, writer in first)):
        writer.close()
    async with asyncio.timeout(5):
        while True:
            with suppress(ConnectionError):
                if answer := await ask(port, b"language"):  # once the server has noticed that the others are gone
                    break
            await asyncio.sleep(0.01)
    assert len(answer) == 4


async def test_the_controller_of_a_line_answers(line: Line) -> None:
    assert (await ask(4573 + line.offset, b"language"))[0] == 'SET VARIABLE HATIF_COUNTRY "FR"'
    assert (await ask(4573 + line.offset, b"route", b"fr"))[2].startswith("SET VARIABLE HATIF_OPERATORS")
