"""A real Asterisk with our files: it is up at once, says nothing bad, and lets in whom it should and nobody else."""

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import pytest
from asterisk_example import PASSWORD, SECRETS, example
from asterisk_sip import Telephone

from asterisk_conf import instance
from asterisk_conf.conf import Conf, write

# Stands in for the dialplan package's file; what a call brought is kept in AstDB, where AMI reads it.
EXTENSIONS = """
[hatif-carrier]
exten => 33800212000,1,Set(DB(test/caller)=${CALLERID(num)})
 same => n,Set(DB(test/channel)=${UNIQUEID})
 same => n,Answer()
 same => n,MusicOnHold(hatif)
exten => 33800212001,1,Answer()
 same => n,MusicOnHold(default)
[hatif-operators]
exten => *1,1,Set(DB(test/caller)=${CALLERID(num)})
 same => n,Answer()
 same => n,Hangup()
[hatif-member]
exten => 1001,1,Dial(PJSIP/1001)
"""


@dataclass(frozen=True)
class Running:
    conf: Conf
    process: psutil.Process
    ready_after_s: float

    @property
    def sip(self) -> int:
        return self.conf.ports.sip


@pytest.fixture(scope="module")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    conf = example(tmp_path_factory.mktemp("home"))
    write(conf)
    (conf.etc / "extensions.conf").write_text(EXTENSIONS)
    assert instance.port_problems(conf) == []
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *instance.command(conf),
        env=instance.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert await instance.ready(conf), instance.check_log(conf)
        yield Running(conf, psutil.Process(process.pid), time.monotonic() - started)
    finally:
        process.terminate()
        assert await process.wait() == 0


class Manager:
    """AMI, one action after the other."""

    def __init__(self, conf: Conf, password: str = SECRETS.ami_password) -> None:
        self.socket = socket.create_connection(("127.0.0.1", conf.ports.ami), timeout=3)
        self.lines = self.socket.makefile("r")
        self.lines.readline()
        self.welcome = self.ask("Login", Username=SECRETS.ami_user, Secret=password, Events="off")

    def ask(self, action: str, **fields: str) -> dict[str, str]:
        said = {"Action": action, **fields}
        self.socket.sendall(("".join(f"{key}: {value}\r\n" for key, value in said.items()) + "\r\n").encode())
        while "Response" not in (message := self.message()):
            pass
        return message

    def message(self) -> dict[str, str]:
        lines = iter(lambda: self.lines.readline().strip(), "")
        return dict(line.split(": ", 1) for line in lines if ": " in line)

    def stored(self, key: str) -> str:
        assert self.ask("DBGet", Family="test", Key=key)["Response"] == "Success"
        return self.message()["Val"]


@contextmanager
def manager(conf: Conf, password: str = SECRETS.ami_password) -> Iterator[Manager]:
    it = Manager(conf, password)
    try:
        yield it
    finally:
        it.lines.close()
        it.socket.close()


def listeners(process: psutil.Process) -> set[tuple[str, str, int]]:
    return {
        ("TCP" if found.type == socket.SOCK_STREAM else "UDP", found.laddr[0], found.laddr[1])
        for found in process.net_connections("inet")
        # Two UDP sockets on ports of the kernel's choice are those of the SIP library's own DNS client.
        if found.status == psutil.CONN_LISTEN or (found.type == socket.SOCK_DGRAM and found.laddr[1] < 32768)
    }


def test_asterisk_is_ready_in_less_than_three_seconds(asterisk: Running) -> None:
    assert asterisk.ready_after_s < 3


def test_the_log_of_the_start_holds_no_warning(asterisk: Running) -> None:
    assert instance.check_log(asterisk.conf) == []
    assert "modules will be loaded" in asterisk.conf.log_file.read_text()


def test_it_listens_where_we_said_and_nowhere_else(asterisk: Running) -> None:
    ports = asterisk.conf.ports
    assert listeners(asterisk.process) == {
        ("UDP", "127.0.0.1", ports.sip),
        ("TCP", "127.0.0.1", ports.sip),
        ("TCP", "127.0.0.1", ports.http),
        ("TCP", "127.0.0.1", ports.ami),
    }


async def test_ari_answers_the_right_password_only(asterisk: Running) -> None:
    url = f"http://127.0.0.1:{asterisk.conf.ports.http}/ari/asterisk/info"
    async with aiohttp.ClientSession() as session:
        for password, status in ((SECRETS.ari_password, 200), ("wrong-password-of-16", 401), ("", 401)):
            async with session.get(url, params={"api_key": f"{SECRETS.ari_user}:{password}"}) as response:
                assert response.status == status
                if status == 200:
                    assert (await response.json())["config"]["name"] == "test1"


def test_ami_does_what_we_need_and_no_more(asterisk: Running) -> None:
    with manager(asterisk.conf) as ami:
        for action, fields in (
            ("DBPut", {"Family": "test", "Key": "a", "Val": "b"}),
            ("DBGet", {"Family": "test", "Key": "a"}),
            ("DBDel", {"Family": "test", "Key": "a"}),
            ("ShowDialPlan", {"Context": "hatif-carrier"}),
            ("Reload", {"Module": "pbx_config.so"}),
        ):
            assert ami.ask(action, **fields)["Response"] == "Success", action
        for action in ("Command", "Originate", "Redirect", "UpdateConfig"):
            assert ami.ask(action) == {"Response": "Error", "Message": "Permission denied"}, action
    with manager(asterisk.conf, "wrong-password-of-16") as ami:
        assert ami.welcome["Response"] == "Error"


def test_a_carrier_is_known_by_its_address_and_its_caller_is_believed(asterisk: Running) -> None:
    with Telephone("127.0.0.2", asterisk.sip, "33612345678") as carrier, manager(asterisk.conf) as ami:
        assert carrier.invite("33800999999").status == 404
        answer = carrier.invite("33800212000", "P-Asserted-Identity: <sip:+33698765432@carrier.example>\r\n")
        assert answer.status == 200
        assert "m=audio" in answer.text and "PCMA" in answer.text
        assert ami.stored("caller") == "+33698765432"
        assert ami.stored("channel").startswith("test1-")
        assert carrier.hang_up(answer, "33800212000").status == 200


@pytest.mark.parametrize("number", ["33800212000", "33800212001"])
def test_a_waiting_caller_hears_music_of_our_class_and_of_the_one_that_asterisk_takes_by_itself(
    asterisk: Running, number: str
) -> None:
    with Telephone("127.0.0.2", asterisk.sip) as carrier:
        answer = carrier.invite(number)
        heard = carrier.hear(1.5)  # Answer() has waited 0.5 s for our own audio
        carrier.hang_up(answer, number)
    assert len(heard) > 6000  # bytes of 125 microseconds
    assert len(set(heard)) > 50  # silence has one or two values


@pytest.mark.parametrize("user", ["33612345678", "1001", "nobody"])
def test_a_stranger_gets_no_call_through(asterisk: Running, user: str) -> None:
    with Telephone("127.0.0.77", asterisk.sip, user) as stranger:
        assert stranger.invite("33800212000").status == 401
    with Telephone("127.0.0.77", asterisk.sip, user, "wrong-password-of-16") as stranger:
        assert stranger.invite("33800212000").status == 401


async def test_a_telephone_registers_with_its_password_and_the_newest_one_rings(asterisk: Running) -> None:
    with (
        Telephone("127.0.0.11", asterisk.sip, "1001", PASSWORD) as first,
        Telephone("127.0.0.12", asterisk.sip, "1001", PASSWORD) as second,
        Telephone("127.0.0.13", asterisk.sip, "1001", "wrong-password-of-16") as third,
        Telephone("127.0.0.14", asterisk.sip, "1002", PASSWORD) as other,
    ):
        assert first.register().status == 200
        contact = second.register()
        assert contact.status == 200
        assert "127.0.0.12" in contact.text and "127.0.0.11" not in contact.text
        assert third.register().status == 401
        assert other.register().status == 401


def test_a_telephone_cannot_pretend_to_be_somebody_else(asterisk: Running) -> None:
    with Telephone("127.0.0.11", asterisk.sip, "1001", PASSWORD) as telephone, manager(asterisk.conf) as ami:
        pretended = "P-Asserted-Identity: <sip:+33698765432@x>\r\nRemote-Party-ID: <sip:1002@x>\r\n"
        assert telephone.invite("*1", pretended).status == 200
        assert ami.stored("caller") == "1001"
        assert telephone.invite("33800212000").status == 404


def test_a_taken_port_is_named_with_what_to_do(asterisk: Running) -> None:
    problems = instance.port_problems(asterisk.conf)
    for port in ("TCP port 15060 (SIP)", "UDP port 15060 (SIP)", "TCP port 18088 (ARI)", "TCP port 15038 (AMI)"):
        found = [problem for problem in problems if problem.startswith(port)]
        assert len(found) == 1 and "HATIF_PORT_OFFSET" in found[0], problems
        assert f"process {asterisk.process.pid}" in found[0]
    assert len(problems) == 4


def test_taken_audio_ports_and_a_foreign_address_are_named(tmp_path: Path) -> None:
    conf = example(tmp_path, ports=example(tmp_path).ports.with_offset(21000))
    taken = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(150)]
    try:
        for number, occupied in enumerate(taken):
            occupied.bind(("127.0.0.1", conf.ports.rtp_first + number))
        assert any("150 of the UDP ports" in problem for problem in instance.port_problems(conf))
    finally:
        for occupied in taken:
            occupied.close()
    foreign = instance.port_problems(example(tmp_path, sip_bind="192.0.2.7", ports=conf.ports))
    assert foreign == ["192.0.2.7 is not an address of this machine: correct sip_bind in site.toml."]


async def test_not_ready_without_asterisk(tmp_path: Path) -> None:
    conf = example(tmp_path, ports=example(tmp_path).ports.with_offset(21000))
    assert not await instance.ready(conf, within_s=0.2)
    assert instance.check_log(conf) == []


def test_a_host_name_that_nobody_answers_for_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> None:
        time.sleep(2)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    assert instance.host_name_problem(example(tmp_path)) is None  # audio is bound to one address: nothing is looked up
    problem = instance.host_name_problem(example(tmp_path, sip_bind="0.0.0.0"))
    assert problem is not None and "/etc/hosts" in problem
