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
from asterisk_example import OFFSET, PASSWORD, SECRETS, example
from asterisk_sip import Telephone
from other_machine import other_machine

from asterisk_conf import instance
from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import Conf, render, write
from asterisk_conf.errors import AsteriskError
from background.telephone_ticket import GATE, Ticket, key_of, sign
from ivr.asterisk.ami import Ami
from ivr.asterisk.ari.link import Link
from ivr.cli.upkeep.registrations import remove_registrations
from ivr.process.telephone_gate import GateSettings, TelephoneGate
from ivr.telephones.web_credentials import WebCredentials

_LEAVES_AT_ONCE = aiohttp.ClientWSTimeout(ws_close=0.1)
"""Asterisk does not answer the end of a connection whose telephone is registered."""
KEY = key_of("a-secret-of-the-test")
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

    async def ask_as_guest(self, method: str, to: str) -> int:
        """Return the last status of a request of the page's telephone *try-1*."""
        async with (
            aiohttp.ClientSession(trust_env=False, connector=aiohttp.TCPConnector(local_addr=(GATE, 0))) as session,
            session.ws_connect(f"{self.http}/ws", protocols=["sip"], timeout=_LEAVES_AT_ONCE) as socket,
        ):
            call_id, challenge = secrets.token_hex(8), ""
            for sequence in (1, 2):
                authorization = _authorization("try-1", PASSWORD, challenge, f"{method}:sip:{to}@hatif")
                await socket.send_str(_guests_request(method, to, call_id, sequence, authorization))
                while (status := await _status(socket, f"CSeq: {sequence} {method}"))[0] < 200:
                    pass
                if status[0] != 401:
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

    async def register(
        self, user: str, password: str, url: str = "", origin: str | None = None, source: str = GATE, ticket: str = ""
    ) -> int:
        """Return the last status of a registration over a WebSocket."""
        protocols = ["sip", *([f"ticket.{ticket}"] if ticket else ())]
        async with (
            aiohttp.ClientSession(trust_env=False, connector=aiohttp.TCPConnector(local_addr=(source, 0))) as session,
            session.ws_connect(
                f"{url or self.http}/ws", protocols=protocols, origin=origin, timeout=_LEAVES_AT_ONCE
            ) as socket,
        ):
            call_id, status, challenge = secrets.token_hex(8), 401, ""
            for sequence in (1, 2):
                await socket.send_str(_register(call_id, sequence, _authorization(user, password, challenge)))
                while True:
                    text = await socket.receive_str(timeout=3)
                    if f"CSeq: {sequence} REGISTER" in text:
                        break
                status = int(text.split()[1])
                found = re.search(r"(?m)^WWW-Authenticate: (.*)$", text)
                if status != 401 or found is None:
                    break
                challenge = found[1]
            return status


def _register(call_id: str, sequence: int, authorization: str) -> str:
    return (
        "REGISTER sip:hatif SIP/2.0\r\n"
        f"Via: SIP/2.0/WS test.invalid;branch=z9hG4bK{secrets.token_hex(6)}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:1002-web@hatif>;tag=t\r\nTo: <sip:1002-web@hatif>\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {sequence} REGISTER\r\nContact: <sip:1002-web@test.invalid;transport=ws>;expires=120\r\n"
        f"{authorization}Content-Length: 0\r\n\r\n"
    )


def _guests_request(method: str, to: str, call_id: str, sequence: int, authorization: str) -> str:
    body = "hello" if method == "MESSAGE" else ""
    more = "Content-Type: text/plain\r\n" if body else "Event: presence\r\n" if method == "SUBSCRIBE" else ""
    return (
        f"{method} sip:{to}@hatif SIP/2.0\r\n"
        f"Via: SIP/2.0/WS test.invalid;branch=z9hG4bK{secrets.token_hex(6)}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:try-1@hatif>;tag=t\r\nTo: <sip:{to}@hatif>\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {sequence} {method}\r\nContact: <sip:page@test.invalid;transport=ws>;expires=120\r\n"
        f"{more}{authorization}Content-Length: {len(body)}\r\n\r\n{body}"
    )


async def _status(socket: aiohttp.ClientWebSocketResponse, sequence: str) -> tuple[int, str]:
    """Return the status of the next answer to a request, and its challenge."""
    while sequence not in (text := await socket.receive_str(timeout=5)):
        pass
    found = re.search(r"(?m)^WWW-Authenticate: (.*)$", text)
    return int(text.split()[1]), found[1] if found is not None else ""


def _authorization(user: str, password: str, challenge: str, request: str = "REGISTER:sip:hatif") -> str:
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
    conf = example(tmp_path_factory.mktemp("home"), web_telephones=True, try_telephones=("try-1",))
    # One on this machine, known by its address as the gate once was: its calls must not be a page's, nor a page's its.
    conf = replace(conf, carriers=(*conf.carriers, Carrier("local", ("127.0.0.1",))))
    write(conf)
    (conf.etc / "extensions.conf").write_text(
        "[hatif-operators]\nexten => *1,1,Answer()\n"
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
    assert await line.register(user, password, url, origin, "127.0.0.66", ticket) == 200
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await line.register(user, password, url, origin, "127.0.0.66")
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
    assert await line.set_password("1002-web", PASSWORD) == 200
    with Telephone("127.0.0.5", line.conf.ports.sip, user="1002-web", password=PASSWORD) as plain:
        assert plain.register().status == 401
        assert plain.invite("*1").status == 401


async def test_another_program_of_this_machine_cannot_use_a_browsers_password(line: Line) -> None:
    assert await line.set_password("1002-web.5", PASSWORD) == 200
    assert await line.register("1002-web.5", PASSWORD, source="127.0.0.1") != 200
    assert await line.register("1002-web.5", PASSWORD) == 200


async def test_a_guest_of_the_page_cannot_register_subscribe_or_send_a_message_and_has_no_way_in_without_the_gate(
    line: Line,
) -> None:
    """A MESSAGE would walk the dialplan of the page's calls, on the one channel that Asterisk has for all messages."""
    assert await line.set_password("try-1", PASSWORD, "try-1") == 200
    for to in ("+33800212000", "1001", "*10", "try-1"):
        for method in ("MESSAGE", "SUBSCRIBE", "REGISTER"):
            assert await line.ask_as_guest(method, to) >= 400, (method, to)
    assert await line.variable("REACHED") == ""
    with Telephone("127.0.0.5", line.conf.ports.sip, user="try-1", password=PASSWORD) as plain:
        assert plain.register().status != 200
        assert plain.invite("+33800212000").status == 401
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
