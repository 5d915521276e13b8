"""Wrong input is reported in one clear sentence with a non-zero exit status, and no call is lost."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import warm_up
from left import newest
from line import CHECKOUT, Line
from shell import command

from cli.main import main
from ivr.softphone.telephone import Call, CallEndedError, Telephones

GERMAN_NUMBER = "+49800212003"
OPERATOR_HZ = 1870.0

# A change in a file of the site, and words that the message about it must contain.
BROKEN_SITES = {
    "time_zone": ("site.toml", r"\bAfrica/Casablanca", "Africa/Nowhere", "'Africa/Nowhere'"),
    "unknown_setting": ("site.toml", r"^ring_s", "rings_s", "rings_s"),
    "language_of_a_country": ("site.toml", r'"nl", "ar", "en"', '"xx", "ar"', "'xx'"),
    "operator_twice": ("operators.csv", r"^1003,", "1002,", "1002 occurs twice"),
    "node_that_is_not_there": ("flow.yaml", r"next: hours", "next: hour", "'hour'"),
}


def hatif(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = str(warm_up.sockets() / "bin" / "hatif")
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(("name", "pattern", "text", "named"), BROKEN_SITES.values(), ids=BROKEN_SITES)
def test_a_broken_file_of_the_site_is_reported_with_line_and_remedy(
    name: str,
    pattern: str,
    text: str,
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site = tmp_path / "site"
    shutil.copytree(CHECKOUT / "sites" / "consulate", site)
    right = (site / name).read_text()
    place = re.search(pattern, right, re.MULTILINE)
    assert place
    (site / name).write_text(right[: place.start()] + text + right[place.end() :])
    monkeypatch.setenv("HATIF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HATIF_SITE", str(site))
    monkeypatch.setattr(sys, "argv", ["hatif", "check"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    output = capsys.readouterr()
    assert output.out == ""
    # This home has no audio, and unfinished catalogues are not the subject here.
    (report,) = [line for line in output.err.splitlines() if re.match(rf"{re.escape(str(site / name))}:\d+: E_", line)]
    found = re.fullmatch(r".*:(\d+): E_[A-Z_]+ (.*); (.*)\.", report)
    assert found, report
    # In the flow, the line may be that of the node.
    assert name == "flow.yaml" or int(found[1]) == right[: place.start()].count("\n") + 1
    assert named in report


# Calls


async def test_an_unknown_number_gets_a_404_and_one_sentence_in_the_log(line: Line, telephones: Telephones) -> None:
    seen = line.log.stat().st_size
    for dialled in ("+33899999999", "call-me", "+338002120001"):
        with pytest.raises(CallEndedError) as refused:
            await line.dial(telephones, "+33614000001", dialled)
        assert refused.value.end.status == 404
    await line.until(lambda: "+338002120001" in line.logged(seen), 2, "it is in the log")
    log = line.logged(seen).splitlines()
    assert ["number=+33899999999" in log[0], "number=+338002120001" in log[1]] == [True, True]
    assert all("A dialled number is not in site.toml" in entry for entry in log)
    assert len(log) == 2


async def test_a_caller_without_a_number_is_served_by_the_country_of_the_number_dialled(
    line: Line, telephones: Telephones
) -> None:
    await line.phone(telephones, line.speaks("de"), answers=OPERATOR_HZ)
    call = await telephones.caller(None).dial(f"sip:{GERMAN_NUMBER}@{line.sip}")
    await call.established()
    await call.hears(line.audio("de", "language_option"))
    await call.press("60")
    await call.hears_tone(OPERATOR_HZ)
    await call.hangup()
    (row,) = await newest(line, 1)
    assert (row["caller"], row["country"], row["language"], row["outcome"]) == (None, "DE", "de", "answered")


async def test_callers_whose_names_are_full_of_control_characters_are_served_and_leave_none_anywhere(
    line: Line, telephones: Telephones
) -> None:
    identities = {
        b'"\x1b[31mRed\x07\x08\x00" <sip:+33614000011@127.0.0.2>': "+33614000011",
        '"\u202egnorw\u202c \u0085" <sip:+33614000012@127.0.0.2>'.encode(): "+33614000012",
        b'"\xff\xfe\xc3" <sip:+33614000013@127.0.0.2>': "+33614000013",
        b'"a%0d%0aAction: Logoff" <sip:+336%0d%0aAction:%20Logoff@127.0.0.2>': None,
        b'"' + b"A" * 2000 + b'" <sip:+33614000015@127.0.0.2>': "+33614000015",
        b'"" <sip:%00%1b%5b31m@127.0.0.2>': None,
    }
    logs = [line.home / "log" / name for name in ("ivr.log", "journal.log")]
    seen = [log.stat().st_size for log in logs]

    async def waits(identity: bytes) -> Call:
        call = await telephones.caller(identity=identity).dial(f"sip:{GERMAN_NUMBER}@{line.sip}")
        await call.established()
        await call.press("60")
        return call

    calls = await asyncio.gather(*(waits(identity) for identity in identities))
    await line.until(lambda: len(line.control("GET", "/queue")) == len(calls), 3, "all wait")
    text = json.dumps(line.control("GET", "/queue"), ensure_ascii=False)
    phones = [await line.phone(telephones, operator.id) for operator in line.operators if "de" in operator.languages][
        : len(calls)
    ]
    text += "".join([(await phone.next_call()).peer for phone in phones])
    await asyncio.gather(*(call.hangup() for call in calls))
    rows = await newest(line, len(calls))
    assert sorted(str(row["caller"]) for row in rows) == sorted(map(str, identities.values()))
    assert {(row["country"], row["outcome"]) for row in rows} == {("DE", "abandoned")}
    for arguments in (("calls",), ("calls", "--json"), ("call", str(rows[0]["id"]), "--json")):
        text += (await asyncio.to_thread(line.run, *arguments)).stdout
    text += "".join(log.read_bytes()[start:].decode() for log, start in zip(logs, seen, strict=True))
    assert [character for character in text if not character.isprintable() and character != "\n"] == []


# Commands


async def test_a_second_up_in_the_same_home_is_refused_and_disturbs_nothing(line: Line, telephones: Telephones) -> None:
    call = await line.asks_for_operator(telephones, "+33614000021")
    pids = {name: line.pid(name) for name in ("asterisk", "ivr", "journal")}
    before = line.run("status").returncode  # calls of the tests before may have gone unanswered
    answer = await asyncio.to_thread(line.process, "up")
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"hatif: Hatif already runs in {line.home} with pid ")
    assert len(answer.stderr.splitlines()) == 1
    assert {name: line.pid(name) for name in pids} == pids
    assert call.state == "talking"
    assert line.run("status").returncode == before


async def test_up_reports_the_ports_in_use(line: Line, tmp_path: Path) -> None:
    answer = await asyncio.to_thread(hatif, "up", **{**line.environment, "HATIF_HOME": str(tmp_path / "home")})
    assert answer.returncode == 1
    *reports, advice = answer.stderr.removeprefix("hatif: ").splitlines()
    assert "hatif existing load" in advice
    taken = {
        ("UDP", 5060, "SIP"): "asterisk",
        ("TCP", 5060, "SIP"): "asterisk",
        ("TCP", 8088, "ARI"): "asterisk",
        ("TCP", 5038, "AMI"): "asterisk",
        ("TCP", 4573, "FastAGI"): "python",
        ("UDP", 5039, "copies of SIP messages"): "",  # hatif, or python where it was forked (tests/warm_up.py)
        ("TCP", 8070, "control API"): "python",
    }
    for ((protocol, port, purpose), program), sentence in zip(taken.items(), reports, strict=True):
        assert sentence.startswith(f"{protocol} port {port + line.offset} ({purpose}) is in use by {program}")
        assert sentence.endswith("): stop that program, or set HATIF_PORT_OFFSET to another multiple of 1000.")


@contextlib.asynccontextmanager
async def forwarded(*ports: tuple[int, int]) -> AsyncIterator[Counter[int]]:
    """Forward TCP connections from the first port of each pair to the second; return the counts so far."""
    came = Counter({here: 0 for here, _ in ports})

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        writer.close()

    servers = []
    for here, there in ports:

        async def join(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: int = here, there: int = there
        ) -> None:
            came[here] += 1
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", there)
            await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

        servers.append(await asyncio.start_server(join, "127.0.0.1", here))
    try:
        yield came
    finally:
        for server in servers:
            server.close()


async def test_a_controller_with_wrong_secrets_says_so_once_and_goes_on_trying(line: Line, tmp_path: Path) -> None:
    # A second controller beside the line's own: its control API needs another port, hence another offset.
    offset = line.offset + 1000
    home = tmp_path / "home"
    shutil.copytree(line.home / "sounds", home / "sounds", symlinks=True, copy_function=os.link)
    secrets = json.loads((line.home / "secrets.json").read_text())
    wrong = {**secrets, "ari_password": "wrong", "ami_password": "wrong"}
    (home / "secrets.json").write_text(json.dumps(wrong))
    environment = {**line.environment, "HATIF_HOME": str(home), "HATIF_PORT_OFFSET": str(offset)}
    ari, ami = 8088 + offset, 5038 + offset
    sentences = (
        f"Asterisk at http://127.0.0.1:{ari} refused the user 'hatif': ari.conf has another secret",
        f"AMI at 127.0.0.1:{ami} refuses user 'hatif' with this password",
    )
    stderr = tmp_path / "stderr"
    async with forwarded((ari, 8088 + line.offset), (ami, 5038 + line.offset)) as tries:
        with stderr.open("wb") as file:
            controller = warm_up.start(warm_up.CONTROLLER, environment, file.fileno())
        try:
            await line.until(lambda: min(tries.values()) >= 2, 15, "it has tried again")
            await line.until(lambda: all(sentence in stderr.read_text() for sentence in sentences), 5, "it has said so")
            assert controller.poll() is None
            load = await asyncio.to_thread(command, ("dialplan", "load"), environment)
        finally:
            controller.terminate()
            await asyncio.to_thread(controller.wait, 5)
    errors = stderr.read_text()
    assert [errors.count(sentence) for sentence in sentences] == [1, 1]
    assert "Traceback" not in errors
    assert controller.returncode == 0
    assert load.returncode == 1
    assert load.stderr.count("refuses user 'hatif' with this password") == 1
    assert len(load.stderr.splitlines()) == 1
    assert line.status()["serves"]
