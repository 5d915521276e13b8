"""A browser telephone's endpoint on a real Asterisk: its password is set and removed through ARI, without a reload."""

import asyncio
import hashlib
import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from asterisk_example import PASSWORD, SECRETS, certified, example
from asterisk_sip import TcpTelephone, Telephone, TlsTelephone
from certificates import Authority
from offsets import LONE_OFFSET as OFFSET
from other_machine import other_machine

from asterisk_conf import instance
from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import Conf, render, write
from asterisk_conf.errors import AsteriskError
from background.telephone_ticket import GATE, Ticket, key_of, sign
from cli.upkeep.registrations import remove_registrations
from ivr.asterisk.ami import Ami
from ivr.asterisk.ari.link import Link
from ivr.process.ban_list import BanList
from ivr.process.ban_rules import BanLimits
from ivr.process.telephone_gate import GateSettings, TelephoneGate
from ivr.telephones.web_credentials import WebCredentials

_LEAVES_AT_ONCE = aiohttp.ClientWSTimeout(ws_close=0.1)
"""Asterisk does not answer the end of a connection whose telephone is registered."""
KEY = key_of("a-secret-of-the-test")
NEAR = "127.0.0.4"
"""A carrier's that has a password."""
PROGRAM = Carrier("program", ("127.0.0.12",), port=966)
"""One on this machine."""
NUMBER = "+33800212000"
AUTH = "/ari/asterisk/config/dynamic/res_pjsip/auth/1002-web"


class Line:
    """A running Asterisk that can be restarted."""

    def __init__(self, conf: Conf) -> None:
        self.conf = conf
        self.http = f"http://127.0.0.1:{conf.ports.http}"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *instance.command(self.conf),
            env=instance.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert await instance.ready(self.conf), instance.check_log(self.conf)

    async def stop(self) -> None:
        self._process.terminate()
        assert await self._process.wait() == 0

    async def ari(self, method: str, path: str, body: object = None) -> int:
        login = {"Authorization": aiohttp.encode_basic_auth(SECRETS.ari_user, SECRETS.ari_password)}
        async with (
            aiohttp.ClientSession(headers=login, trust_env=False) as session,
            session.request(method, self.http + path, json=body) as answer,
        ):
            return answer.status

    async def set_password(self, user: str, password: str, endpoint: str = "1002-web") -> int:
        fields = {"auth_type": "userpass", "username": user, "password": password}
        body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
        return await self.ari("PUT", AUTH.replace("1002-web", endpoint), body)

    async def ask(
        self,
        method: str,
        to: str,
        endpoint: str,
        password: str,
        user: str = "",
        *,
        url: str = "",
        origin: str | None = None,
        source: str = GATE,
        ticket: str = "",
    ) -> int:
        """Return the last status of a request over a WebSocket.

        Args:
            to: Whom it is for; "": the endpoint itself, at the registrar.
            password: Of `user`; "": none is sent.
        """
        uri, user = f"sip:{to}@hatif" if to else "sip:hatif", user or endpoint
        protocols = ["sip", *([f"ticket.{ticket}"] if ticket else ())]
        async with (
            aiohttp.ClientSession(trust_env=False, connector=aiohttp.TCPConnector(local_addr=(source, 0))) as session,
            session.ws_connect(
                f"{url or self.http}/ws", protocols=protocols, origin=origin, timeout=_LEAVES_AT_ONCE
            ) as socket,
        ):
            call_id, challenge = secrets.token_hex(8), ""
            for sequence in (1, 2):
                authorization = _authorization(user, password, challenge, f"{method}:{uri}")
                await socket.send_str(_request(method, uri, to or endpoint, endpoint, call_id, sequence, authorization))
                while (status := await _status(socket, f"CSeq: {sequence} {method}"))[0] < 200:
                    pass
                if status[0] != 401 or not password:
                    break
                challenge = status[1]
            return status[0]

    async def variable(self, name: str) -> str:
        """Return a global variable of the dialplan."""
        login = {"Authorization": aiohttp.encode_basic_auth(SECRETS.ari_user, SECRETS.ari_password)}
        async with (
            aiohttp.ClientSession(headers=login, trust_env=False) as session,
            session.get(f"{self.http}/ari/asterisk/variable", params={"variable": name}) as answer,
        ):
            return str((await answer.json()).get("value", ""))

    async def register(self, user: str, password: str, **options: Any) -> int:
        """Return the last status of a registration of *1002-web* over a WebSocket."""
        return await self.ask("REGISTER", "", "1002-web", password, user, **options)


def _request(method: str, uri: str, to: str, endpoint: str, call_id: str, sequence: int, authorization: str) -> str:
    body = "hello" if method == "MESSAGE" else ""
    more = "Content-Type: text/plain\r\n" if body else "Event: presence\r\n" if method == "SUBSCRIBE" else ""
    return (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/WS test.invalid;branch=z9hG4bK{secrets.token_hex(6)}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:{endpoint}@hatif>;tag=t\r\nTo: <sip:{to}@hatif>\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {sequence} {method}\r\nContact: <sip:{endpoint}@test.invalid;transport=ws>;expires=120\r\n"
        f"{more}{authorization}Content-Length: {len(body)}\r\n\r\n{body}"
    )


async def _status(socket: aiohttp.ClientWebSocketResponse, sequence: str) -> tuple[int, str]:
    """Return the status of the next answer to a request, and its challenge."""
    while sequence not in (text := await socket.receive_str(timeout=5)):
        pass
    found = re.search(r"(?m)^WWW-Authenticate: (.*)$", text)
    return int(text.split()[1]), found[1] if found is not None else ""


def _authorization(user: str, password: str, challenge: str, request: str) -> str:
    if not challenge:
        return ""
    fields: Mapping[str, str] = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    ours = _md5(f"{user}:{fields['realm']}:{password}")
    response = _md5(f"{ours}:{fields['nonce']}:00000001:c:auth:{_md5(request)}")
    return (
        f'Authorization: Digest username="{user}", realm="{fields["realm"]}", nonce="{fields["nonce"]}",'
        f' uri="{request.partition(":")[2]}", response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c",'
        f' opaque="{fields.get("opaque", "")}"\r\n'
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    conf = example(tmp_path_factory.mktemp("home"), web_telephones=True, try_telephones=("try-1",))
    # One on this machine, known by its address as the gate once was: its calls must not be a page's, nor a page's its.
    carriers = (*conf.carriers, Carrier("local", ("127.0.0.1",)), Carrier("near", (NEAR,), password=PASSWORD), PROGRAM)
    conf = replace(conf, carriers=carriers, networks=("127.0.0.0/25",), sip=certified(authority))
    write(conf)
    (conf.etc / "extensions.conf").write_text(
        "[hatif-operators]\nexten => *1,1,Answer()\n"
        "[hatif-carrier]\nexten => _[+*0-9].,1,Set(GLOBAL(CARRIED)=${CHANNEL})\n same => n,Hangup(17)\n"
        "[hatif-try]\nexten => _[+*0-9].,1,Set(GLOBAL(REACHED)=${EXTEN} by ${CHANNEL})\n same => n,Hangup(17)\n"
    )
    found = Line(conf)
    await found.start()
    yield found
    await found.stop()


def test_a_start_with_browser_telephones_logs_no_warnings(line: Line) -> None:
    assert instance.check_log(line.conf) == []


async def test_a_password_set_through_ari_registers_a_browser_and_a_changed_one_no_longer_does(line: Line) -> None:
    assert await line.set_password("1002-web.1", "first-password-of-the-page") == 200
    assert await line.register("1002-web.1", "first-password-of-the-page") == 200
    assert await line.register("1002-web.1", "wrong-password-of-the-page") == 401
    assert await line.set_password("1002-web.2", "other-password-of-the-page") == 200
    assert await line.register("1002-web.1", "first-password-of-the-page") == 401
    assert await line.register("1002-web.2", "other-password-of-the-page") == 200


async def test_a_password_whose_time_is_over_registers_no_longer(line: Line) -> None:
    async with Link(line.http, SECRETS.ari_user, SECRETS.ari_password, "hatif") as link:
        reading = asyncio.create_task(link.read(lambda _: None))
        credentials = WebCredentials(link, ("1002",))
        ending = asyncio.create_task(credentials.run())
        given = await credentials.give("1002", "a-sign-in", 2)
        assert await line.register(given.user, given.password) == 200
        assert await credentials.read("1002") == given
        await asyncio.sleep(given.expires - time.time() + 0.3)
        assert await line.register(given.user, given.password) == 401
        assert await credentials.read("1002") is None
        ending.cancel()
        reading.cancel()
        await asyncio.wait({ending, reading})


async def test_a_password_set_through_ari_survives_a_restart_of_asterisk(line: Line) -> None:
    assert await line.set_password("1002-web.3", "third-password-of-the-page") == 200
    await line.stop()
    await line.start()
    assert await line.register("1002-web.3", "third-password-of-the-page") == 200
    assert await line.ari("DELETE", AUTH) == 204
    assert await line.register("1002-web.3", "third-password-of-the-page") == 500


def test_operators_own_telephones_keep_their_passwords_and_never_share_one_with_the_browser(line: Line) -> None:
    with Telephone("127.0.0.5", line.conf.ports.sip, user="1002", password="telephone-password-2") as plain:
        assert plain.register().status == 200
    with Telephone("127.0.0.5", line.conf.ports.sip, user="1002-web", password="telephone-password-2") as plain:
        assert plain.register().status != 200


async def test_from_another_address_only_the_telephones_path_answers(line: Line) -> None:
    """The gate listens there; Asterisk's own web server, which has ARI, does not."""
    port = line.conf.ports.http + 1
    login = {"Authorization": aiohttp.encode_basic_auth(SECRETS.ari_user, SECRETS.ari_password)}
    settings = GateSettings("127.0.0.9", port, line.conf.ports.http, desk_port=8080, home=line.conf.home, key=KEY)
    gate = asyncio.create_task(TelephoneGate(settings).serve())
    await asyncio.sleep(0.05)
    user, password, now = "1002-web.4.mina", "fourth-password-of-the-page", int(time.time())
    await line.set_password(user, password)
    url, origin = f"http://127.0.0.9:{port}", "http://127.0.0.9:8080"
    ticket = sign(Ticket("mina", "1002-web", "mina", now, now + 60), KEY)
    assert await line.register(user, password, url=url, origin=origin, source="127.0.0.66", ticket=ticket) == 200
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await line.register(user, password, url=url, origin=origin, source="127.0.0.66")
    assert refused.value.status == 403, "the right password and the desk's origin are not enough"
    async with aiohttp.ClientSession(headers=login, trust_env=False) as session:
        for path in ("/ari/asterisk/info", "/ari/channels", "/httpstatus", "/", "/ws"):
            async with session.get(url + path) as answer:
                assert answer.status == 404, path
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://127.0.0.9:{line.conf.ports.http}/ari/asterisk/info")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{url}/ws", protocols=["sip"], origin="http://elsewhere.example")
        assert refused.value.status == 403
    gate.cancel()


async def test_three_hundred_wrong_passwords_through_the_gate_end_its_websockets_and_ban_the_address(
    line: Line, tmp_path: Path
) -> None:
    port, now = line.conf.ports.http + 1, int(time.time())
    limits = BanLimits(after=8, within_s=600, first_s=600, longest_s=600)
    settings = GateSettings("127.0.0.9", port, line.conf.ports.http, 8080, home=tmp_path, key=KEY, limits=limits)
    gate = asyncio.create_task(TelephoneGate(settings).serve())
    await asyncio.sleep(0.05)
    user = "1002-web.6.mina"
    await line.set_password(user, PASSWORD)
    url, origin = f"http://127.0.0.9:{port}", "http://127.0.0.9:8080"
    protocols = ["sip", f"ticket.{sign(Ticket('mina', '1002-web', 'mina', now, now + 60), KEY)}"]
    refused, answers = 0, list[int]()
    connector = aiohttp.TCPConnector(local_addr=("127.0.0.66", 0))
    async with aiohttp.ClientSession(trust_env=False, connector=connector) as session:
        while not refused:
            answers.append(0)
            try:
                async with session.ws_connect(f"{url}/ws", protocols=protocols, origin=origin) as socket:
                    challenge = ""
                    for sequence in range(1, 301):
                        login = _authorization(user, "a-wrong-password", challenge, "REGISTER:sip:hatif")
                        await socket.send_str(
                            _request("REGISTER", "sip:hatif", "1002-web", "1002-web", "wrong", sequence, login)
                        )
                        message = await socket.receive(timeout=3)
                        if message.type is not aiohttp.WSMsgType.TEXT:
                            break
                        assert message.data.startswith("SIP/2.0 401 ")
                        challenge = str(re.search(r"(?m)^WWW-Authenticate: (.*)$", message.data)[1])  # type: ignore[index]
                        answers[-1] += login != ""
            except aiohttp.WSServerHandshakeError as error:
                refused = error.status
    gate.cancel()
    assert refused == 403 and sum(answers) <= 10, answers
    assert set(BanList(tmp_path).read()) == {"127.0.0.66"}, "and not the gate's own"


async def test_another_machine_reaches_the_telephones_path_and_nothing_else(line: Line) -> None:
    ports = line.conf.ports
    script, others = Path(__file__).parents[1] / "namespace_browser.py", (ports.http, ports.ami)
    with other_machine() as machine:
        settings = GateSettings(machine.here, ports.http + 1, ports.http, desk_port=8080, home=line.conf.home, key=KEY)
        now = int(time.time())
        ticket = sign(Ticket("mina", "1002-web", "mina", now, now + 60), KEY)
        gate = asyncio.create_task(TelephoneGate(settings).serve())
        arguments = (machine.here, str(ports.http + 1), "8080", ticket, *map(str, others))
        there = await asyncio.create_subprocess_exec(
            *machine.inside, sys.executable, str(script), *arguments, stdout=subprocess.PIPE
        )
        out, _ = await there.communicate()
        gate.cancel()
    assert there.returncode == 0
    found = json.loads(out)
    assert set(found["plain"].values()) == {404}
    assert found["upgrade"].pop("/ws") == 101
    assert set(found["upgrade"].values()) == {404}
    assert found["another_site"] == found["without_ticket"] == 403
    assert found["ports"] == {str(port): "refused" for port in others}


async def test_a_telephone_elsewhere_is_refused_even_with_the_browsers_password(line: Line) -> None:
    """Over no transport, inside the networks of telephones and outside."""
    assert await line.set_password("1002-web", PASSWORD) == 200
    for address in ("127.0.0.5", "127.0.0.200"):
        for name, telephone in telephones(line, address, "1002-web", PASSWORD).items():
            with telephone:
                assert telephone.register().status == 401, (name, address)
                assert telephone.invite("*1").status == 401, (name, address)
        assert await line.ask("INVITE", "*1", "1002-web", PASSWORD, source=address) == 401


def telephones(line: Line, address: str, user: str, password: str) -> dict[str, Telephone]:
    """Return a telephone a transport."""
    ports, authorities = line.conf.ports, line.conf.sip.authorities
    assert authorities is not None
    return {
        "udp": Telephone(address, ports.sip, user=user, password=password),
        "tcp": TcpTelephone(address, ports.sip, user=user, password=password),
        "tls": TlsTelephone(address, ports.sips, user=user, password=password, authorities=Path(authorities)),
    }


async def test_another_program_of_this_machine_cannot_use_a_browsers_password(line: Line) -> None:
    assert await line.set_password("1002-web.5", PASSWORD) == 200
    assert await line.register("1002-web.5", PASSWORD, source="127.0.0.1") != 200
    assert await line.register("1002-web.5", PASSWORD) == 200


async def test_nothing_that_comes_through_the_gate_is_an_ordinary_telephone_or_a_carrier(line: Line) -> None:
    """Whatever page_sip.py lets pass, and although the gate's address is in the networks of telephones."""
    password = "telephone-password-2"
    assert await line.ask("REGISTER", "", "1002", password) == 401
    assert await line.ask("INVITE", "*1", "1002", password) == 401
    with Telephone(GATE, line.conf.ports.sip, user="1002", password=password) as telephone:
        assert telephone.register().status == 401
    assert await line.ask("INVITE", NUMBER, "carrier-local", "") == 401
    assert await line.ask("INVITE", NUMBER, "carrier-near", "", source=NEAR) == 401, "a carrier's password is asked for"
    assert await line.variable("CARRIED") == ""


async def test_a_page_on_this_machine_does_not_call_as_a_carrier_there_that_has_a_port(line: Line) -> None:
    """A browser reaches Asterisk's own port there, without the gate."""
    assert await line.ask("INVITE", NUMBER, "carrier-program", "", source=PROGRAM.hosts[0]) == 401


def test_a_carrier_whose_network_has_the_gate_in_it_is_refused(tmp_path: Path) -> None:
    conf = example(tmp_path, web_telephones=True)
    with pytest.raises(AsteriskError, match=f"Carrier wide: its hosts include {GATE}"):
        replace(conf, carriers=(Carrier("wide", ("127.0.0.0/24",)),))


async def test_a_guest_of_the_page_cannot_register_subscribe_or_send_a_message_and_has_no_way_in_without_the_gate(
    line: Line,
) -> None:
    """A MESSAGE would walk the dialplan of the page's calls, on the one channel that Asterisk has for all messages."""
    assert await line.set_password("try-1", PASSWORD, "try-1") == 200
    for to in (NUMBER, "1001", "*10", "try-1"):
        for method in ("MESSAGE", "SUBSCRIBE", "REGISTER"):
            assert await line.ask(method, to, "try-1", PASSWORD) >= 400, (method, to)
    assert await line.variable("REACHED") == ""
    with Telephone("127.0.0.5", line.conf.ports.sip, user="try-1", password=PASSWORD) as plain:
        assert plain.register().status != 200
        assert plain.invite(NUMBER).status == 401
    assert await line.variable("REACHED") == ""


async def test_a_removed_operators_browser_has_no_password_any_more(line: Line) -> None:
    assert await line.set_password("1002-web.1", PASSWORD) == 200
    assert await line.register("1002-web.1", PASSWORD) == 200
    parts: Any = SimpleNamespace(credentials=SECRETS, settings=SimpleNamespace(offset=OFFSET))
    ports = line.conf.ports
    async with Ami("127.0.0.1", ports.ami, SECRETS.ami_user, SECRETS.ami_password) as ami:
        await remove_registrations(parts, ami, ["1002", "1009"], web=True)
    assert await line.ari("GET", AUTH) == 404
    assert await line.set_password("1002-web.2", PASSWORD) == 200, "as when the operator is in the list again"


def test_a_site_without_the_desk_has_nothing_of_it(tmp_path: Path) -> None:
    files = render(example(tmp_path))
    assert "-web" not in files["pjsip.conf"] and "protocol = ws" not in files["pjsip.conf"]
    assert "icesupport = no" in files["rtp.conf"]
    assert "transport_websocket" not in files["modules.conf"]
    assert files["sorcery.conf"].count("\n") == 1


def test_an_asterisk_that_cannot_serve_browsers_is_refused(tmp_path: Path) -> None:
    conf = example(tmp_path)
    bare = replace(conf.installation, module_dir=tmp_path)
    with pytest.raises(AsteriskError, match="Browser telephones need the module res_srtp"):
        replace(conf, installation=bare, web_telephones=True)
