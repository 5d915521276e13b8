"""A real Asterisk with our files: it is ready at once, logs no warnings, and accepts only authorised calls."""

import base64
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import psutil
import pytest
from asterisk_example import PASSWORD, SECRETS, example, running_asterisk
from asterisk_sip import Answer, TcpTelephone, Telephone
from half_open_calls import HalfOpenCalls
from pjsip_mistakes import DOOR

from asterisk_conf import instance
from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import Conf, write
from asterisk_conf.pjsip import sections
from dialplan.plan import Limits, Number, Plan, render

# Replaces the dialplan package's file; a call's values are stored in AstDB, where AMI can read them.
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


# The real dialplan, without a controller.
LIMITED = "33800000001"
PLAN = Plan("test1", (Number(f"+{LIMITED}", "FR", "fr"),), ("fr",), (), limits=Limits(in_all=80))
ROAMING = Carrier("roaming", (), password=PASSWORD)  # from any address
BOTH = Carrier("both", ("127.0.0.8",), password=PASSWORD)
SEALED = Carrier("sealed", ("127.0.0.9",), srtp=True)
PROGRAM = Carrier("program", ("127.0.0.10",))  # of this machine; its port is a free one


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
    with socket.socket() as free:
        free.bind((PROGRAM.hosts[0], 0))
        program = replace(PROGRAM, port=free.getsockname()[1])
    conf = replace(conf, carriers=(*conf.carriers, ROAMING, SEALED, BOTH, program), own_pjsip=DOOR)
    write(conf)
    (conf.etc / "extensions.conf").write_text(EXTENSIONS + render(PLAN).replace("[hatif-operators]", "[without-codes]"))
    assert instance.port_problems(conf) == []
    started = time.monotonic()
    async with running_asterisk(conf) as process:
        yield Running(conf, psutil.Process(process.pid), time.monotonic() - started)


class Manager:
    """An AMI connection that sends one action at a time."""

    def __init__(self, conf: Conf, password: str = SECRETS.ami_password) -> None:
        self.socket = socket.create_connection(("127.0.0.1", conf.ports.ami), timeout=3)
        self.lines = self.socket.makefile("r")
        self.lines.readline()
        self.welcome = self.ask("Login", Username=SECRETS.ami_user, Secret=password, Events="off")

    def ask(self, action: str, **fields: str) -> dict[str, str]:
        request = {"Action": action, **fields}
        self.socket.sendall(("".join(f"{key}: {value}\r\n" for key, value in request.items()) + "\r\n").encode())
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


def listeners(process: psutil.Process, sip: int) -> set[tuple[str, str, int]]:
    return {
        ("TCP" if found.type == socket.SOCK_STREAM else "UDP", found.laddr[0], found.laddr[1])
        for found in process.net_connections("inet")
        # Two UDP sockets on ports chosen by the kernel belong to the SIP library's own DNS client.
        if found.status == psutil.CONN_LISTEN
        or (found.type == socket.SOCK_DGRAM and (found.laddr[1] < 32768 or found.laddr[1] == sip))
    }


def test_the_log_of_a_start_has_no_warnings(asterisk: Running, record_property: Callable[[str, object], None]) -> None:
    record_property("until Asterisk is ready, s", round(asterisk.ready_after_s, 2))  # wanted: 3
    assert instance.check_log(asterisk.conf) == []
    assert "modules will be loaded" in asterisk.conf.log_file.read_text()


def test_asterisk_listens_only_on_the_configured_ports(asterisk: Running) -> None:
    ports = asterisk.conf.ports
    assert listeners(asterisk.process, ports.sip) == {
        ("UDP", "127.0.0.1", ports.sip),
        ("TCP", "127.0.0.1", ports.sip),
        ("TCP", "127.0.0.1", ports.http),
        ("TCP", "127.0.0.1", ports.ami),
    }


async def test_ari_accepts_only_the_right_password(asterisk: Running) -> None:
    url = f"http://127.0.0.1:{asterisk.conf.ports.http}/ari/asterisk/info"
    async with aiohttp.ClientSession() as session:
        for password, status in ((SECRETS.ari_password, 200), ("wrong-password-of-16", 401), ("", 401)):
            async with session.get(url, params={"api_key": f"{SECRETS.ari_user}:{password}"}) as response:
                assert response.status == status
                if status == 200:
                    assert (await response.json())["config"]["name"] == "test1"


def test_ami_allows_the_actions_that_we_need_and_no_others(asterisk: Running) -> None:
    with manager(asterisk.conf) as ami:
        for action, fields in (
            ("DBPut", {"Family": "test", "Key": "a", "Val": "b"}),
            ("DBGet", {"Family": "test", "Key": "a"}),
            ("DBDel", {"Family": "test", "Key": "a"}),
            ("ShowDialPlan", {"Context": "hatif-carrier"}),
            ("Reload", {"Module": "pbx_config.so"}),
        ):
            assert ami.ask(action, **fields)["Response"] == "Success", action
        for action in ("Command", "Originate", "UpdateConfig"):
            assert ami.ask(action) == {"Response": "Error", "Message": "Permission denied"}, action
    with manager(asterisk.conf, "wrong-password-of-16") as ami:
        assert ami.welcome["Response"] == "Error"


def test_a_carrier_is_identified_by_its_address_and_its_caller_s_number_is_trusted(asterisk: Running) -> None:
    with Telephone("127.0.0.2", asterisk.sip, "33612345678") as carrier, manager(asterisk.conf) as ami:
        assert carrier.invite("33800999999").status == 404
        answer = carrier.invite("33800212000", "P-Asserted-Identity: <sip:+33698765432@carrier.example>\r\n")
        assert answer.status == 200
        assert "m=audio" in answer.text and "PCMA" in answer.text
        assert ami.stored("caller") == "+33698765432"
        assert ami.stored("channel").startswith("test1-")
        assert carrier.hang_up(answer, "33800212000").status == 200


@pytest.mark.parametrize("number", ["33800212000", "33800212001"])
def test_a_waiting_caller_hears_music_of_our_class_and_of_asterisk_s_default(asterisk: Running, number: str) -> None:
    with Telephone("127.0.0.2", asterisk.sip) as carrier:
        answer = carrier.invite(number)
        heard = carrier.hear(1.5)  # Answer() waited 0.5 s for our audio
        carrier.hang_up(answer, number)
    assert len(heard) > 6000  # one byte per 125 microseconds
    assert len(set(heard)) > 50  # silence has only one or two values


def test_a_stranger_cannot_call_under_the_name_of_any_endpoint(asterisk: Running) -> None:
    endpoints = {section.name for section in sections((asterisk.conf.etc / "pjsip.conf").read_text())}
    assert {"1001", "carrier-example", "carrier-second", "carrier-roaming", "trunk-second", "door"} < endpoints
    for user in (*sorted(endpoints), "33612345678", "nobody", "anonymous"):
        for password in ("", "wrong-password-of-16"):
            with Telephone("127.0.0.77", asterisk.sip, user, password) as stranger:
                answer = stranger.invite("33800212000", "P-Asserted-Identity: <sip:+33698765432@carrier.example>\r\n")
                assert answer.status == 401, user


def test_a_carrier_with_a_password_may_call_from_any_address(asterisk: Running) -> None:
    with (
        Telephone("127.0.0.77", asterisk.sip, "+33612345678", PASSWORD, account="carrier-roaming") as carrier,
        Telephone("127.0.0.78", asterisk.sip, "+33612345678", "wrong-password-16", account="carrier-roaming") as other,
        manager(asterisk.conf) as ami,
    ):
        answer = carrier.invite("33800212000")
        assert answer.status == 200
        assert ami.stored("caller") == "+33612345678"
        assert carrier.hang_up(answer, "33800212000").status == 200
        assert other.invite("33800212000").status == 401


def test_a_carrier_with_addresses_and_a_password_needs_both(asterisk: Running) -> None:
    for address, password, status in (
        ("127.0.0.8", PASSWORD, 200),
        ("127.0.0.8", "wrong-password-of-16", 401),
        ("127.0.0.77", PASSWORD, 401),
    ):
        with Telephone(address, asterisk.sip, "+33612345678", password, account="carrier-both") as carrier:
            answer = carrier.invite("33800212000")
            assert answer.status == status, address
            if status == 200:
                carrier.hang_up(answer, "33800212000")


@pytest.mark.parametrize("telephone", [Telephone, TcpTelephone])
def test_a_carrier_of_this_machine_with_a_port_keeps_other_programs_out(
    asterisk: Running, telephone: type[Telephone]
) -> None:
    address, port = PROGRAM.hosts[0], asterisk.conf.carriers[-1].port or 0
    with telephone(address, asterisk.sip, "33612345678", own_port=port) as carrier:
        answer = carrier.invite("33800212000")
        assert answer.status == 200
        with telephone(address, asterisk.sip, "33612345678") as other:
            assert other.invite("33800212000").status == 401
        with socket.socket(socket.AF_INET, carrier.signalling.type) as forged, pytest.raises(OSError, match="in use"):
            forged.bind((address, port))
        assert carrier.hang_up(answer, "33800212000").status == 200


def test_a_carrier_with_srtp_must_send_encrypted_audio(asterisk: Running) -> None:
    with Telephone("127.0.0.9", asterisk.sip) as carrier:
        assert carrier.invite("33800212000").status == 488
        key = base64.b64encode(bytes(30)).decode()
        answer = carrier.invite("33800212000", crypto=f"1 AES_CM_128_HMAC_SHA1_80 inline:{key}")
        assert (
            answer.status == 200 and "RTP/SAVP" in answer.text and "a=crypto:1 AES_CM_128_HMAC_SHA1_80" in answer.text
        )
        assert carrier.hang_up(answer, "33800212000").status == 200


async def test_a_telephone_registers_with_its_own_password_only_also_beside_another_one(asterisk: Running) -> None:
    with (
        Telephone("127.0.0.11", asterisk.sip, "1001", PASSWORD) as first,
        Telephone("127.0.0.12", asterisk.sip, "1001", PASSWORD) as second,
        Telephone("127.0.0.13", asterisk.sip, "1001", "wrong-password-of-16") as third,
        Telephone("127.0.0.14", asterisk.sip, "1002", PASSWORD) as other,
    ):
        assert first.register().status == 200
        contact = second.register()
        assert contact.status == 200
        assert "127.0.0.12" in contact.text and "127.0.0.11" in contact.text  # the controller decides which one stays
        assert third.register().status == 401
        assert other.register().status == 401


def test_a_telephone_cannot_pretend_to_be_somebody_else(asterisk: Running) -> None:
    with Telephone("127.0.0.11", asterisk.sip, "1001", PASSWORD) as telephone, manager(asterisk.conf) as ami:
        pretended = "P-Asserted-Identity: <sip:+33698765432@x>\r\nRemote-Party-ID: <sip:1002@x>\r\n"
        assert telephone.invite("*1", pretended).status == 200
        assert ami.stored("caller") == "1001"
        assert telephone.invite("33800212000").status == 404


def test_a_port_in_use_is_reported_with_a_remedy(asterisk: Running) -> None:
    problems, ports = instance.port_problems(asterisk.conf), asterisk.conf.ports
    in_use = (f"TCP port {ports.sip} (SIP)", f"UDP port {ports.sip} (SIP)", f"TCP port {ports.http} (ARI)")
    for port in (*in_use, f"TCP port {ports.ami} (AMI)"):
        found = [problem for problem in problems if problem.startswith(port)]
        assert len(found) == 1 and "HATIF_PORT_OFFSET" in found[0], problems
        assert f"process {asterisk.process.pid}" in found[0]
    assert len(problems) == 4


def test_audio_ports_in_use_and_a_foreign_address_are_reported(tmp_path: Path) -> None:
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


def test_a_host_name_that_does_not_resolve_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> None:
        time.sleep(2)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    assert instance.host_name_problem(example(tmp_path)) is None  # audio is bound to one address: no lookup
    problem = instance.host_name_problem(example(tmp_path, sip_bind="0.0.0.0"))
    assert problem is not None and "/etc/hosts" in problem


def refused(ami: Manager, limit: str) -> int:
    return int(ami.ask("Getvar", Variable=f"HATIF_REFUSED_{limit}").get("Value") or 0)


def called(phones: ExitStack, asterisk: Running, caller: str) -> tuple[Telephone, Answer]:
    """Make a call through the carrier and return its final answer."""
    phone = phones.enter_context(Telephone("127.0.0.2", asterisk.sip, caller))
    phone.signalling.settimeout(10)  # also on a busy machine
    return phone, phone.invite(LIMITED)


def test_a_fourth_call_of_one_number_is_busy_and_withheld_numbers_are_not_one_caller(asterisk: Running) -> None:
    with ExitStack() as phones, manager(asterisk.conf) as ami:
        calls = [called(phones, asterisk, item) for item in ("+33612345678", "0033612345678", "0612345678")]
        fourth = called(phones, asterisk, "33612345678")
        nobody = ["anonymous", "Bank123456", "%D8%A8%D9%86%D9%83123456", "1234", "0000000000"] * 4
        others = [called(phones, asterisk, item) for item in ("+33612345679", *nobody)]
        assert [answer.status for _, answer in (*calls, fourth, *others)] == [200, 200, 200, 486, *[200] * 21]
        assert (refused(ami, "number"), refused(ami, "source"), refused(ami, "all")) == (1, 0, 0)
        phone, answer = calls.pop()
        assert phone.hang_up(answer, LIMITED).status == 200
        until = time.monotonic() + 3
        while (again := called(phones, asterisk, "33612345678"))[1].status == 486 and time.monotonic() < until:
            time.sleep(0.1)  # the channel that was hung up is still closing
        assert again[1].status == 200
        calls.append(again)
        assert [phone.hang_up(answer, LIMITED).status for phone, answer in (*calls, *others)] == [200] * 24
    (refusal,) = (line for line in asterisk.conf.log_file.read_text().splitlines() if "Refused: " in line)
    assert "there are 3 calls of one number already" in refusal and "612345678" not in refusal


def test_a_drained_line_refuses_new_calls_without_a_controller_too_and_keeps_those_that_are_up(
    asterisk: Running,
) -> None:
    key = {"Family": "hatif-hours", "Key": "drain_refuse"}
    with ExitStack() as phones, manager(asterisk.conf) as ami:
        before = called(phones, asterisk, "+33612345671")
        assert ami.ask("DBPut", **key, Val="1")["Response"] == "Success"
        refusal = called(phones, asterisk, "+33612345672")[1].status
        ami.ask("DBDel", **key)
        again = called(phones, asterisk, "+33612345673")
        assert (before[1].status, refusal, again[1].status) == (200, 503, 200)
        assert [phone.hang_up(answer, LIMITED).status for phone, answer in (before, again)] == [200, 200]


def test_ordinary_calls_are_answered_despite_half_open_calls(
    asterisk: Running, record_property: Callable[[str, object], None]
) -> None:
    """Without a controller Asterisk counts by itself. The half-open calls come from carriers; strangers get a 401."""
    with ExitStack() as phones, manager(asterisk.conf) as ami:
        before = {limit: refused(ami, limit) for limit in ("source", "number")}
        floods = [
            phones.enter_context(HalfOpenCalls(address, asterisk.sip, LIMITED, callers))
            for address, callers in (
                ("127.0.8.1", [f"+3361{number:07}" for number in range(180)]),
                ("127.0.0.2", ["+33612000000"] * 120),
            )
        ]
        calls, seconds = [], []
        for number in range(10):
            began = time.monotonic()
            calls.append(called(phones, asterisk, f"+3362{number:07}"))
            seconds.append(time.monotonic() - began)
        assert [answer.status for _, answer in calls] == [200] * 10
        record_property("ten calls beside 300 half-open calls, the slowest answer in ms", round(1000 * max(seconds)))
        of_one_source, of_one_number = (flood.statuses() for flood in floods)
        assert of_one_source.keys() == {200, 503} and of_one_source[200] <= 60
        assert of_one_number.keys() == {200, 486} and of_one_number[200] <= 3
        assert of_one_source[503] > 100 and of_one_number[486] > 100
        counted = [refused(ami, limit) - earlier for limit, earlier in before.items()]
        assert counted == [of_one_source[503], of_one_number[486]]
        # 60 from one source, 3 of one number and these 10: of 80 in total, 7 are left.
        callers = [f"+3363{number:07}" for number in range(30)]
        others = phones.enter_context(HalfOpenCalls("127.0.8.2", asterisk.sip, LIMITED, callers))
        assert others.statuses()[503] > 10
        assert called(phones, asterisk, "+33640000000")[1].status == 503
        assert refused(ami, "all") > 0
        assert [phone.hang_up(answer, LIMITED).status for phone, answer in calls] == [200] * 10
