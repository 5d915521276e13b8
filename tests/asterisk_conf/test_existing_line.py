"""A whole line in an Asterisk that serves others: `hatif existing` brings it in, and takes all of it out again."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from asterisk_example import example
from asterisk_sip import Telephone
from line import Line
from offsets import LONE_OFFSET as OFFSET
from second_asterisk import Asterisk

from asterisk_conf.conf import write
from ivr.softphone.telephone import Telephones

CALLER_HZ, OPERATOR_HZ = 1130.0, 1870.0
NOT_THEIRS = ("app_audiosocket", "func_lock", "res_pjsip_dlg_options")
"""Modules that their Asterisk does not load by itself."""
THEIR_OWN = ("app_confbridge", "app_voicemail", "func_math")
FILES = {
    "extensions.conf": "[office]\nexten => 201,1,Answer()\n same => n,Echo()\nexten => 9,1,Queue(support)\n",
    "pjsip.conf": f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{5060 + OFFSET}\n"
    "[200]\ntype=endpoint\ncontext=office\nallow=alaw\nauth=200\naors=200\n[200]\ntype=auth\nusername=200\n"
    "password=of-the-office\n[200]\ntype=aor\nmax_contacts=1\n",
    "queues.conf": "[general]\npersistentmembers = yes\n[fallback](!)\nstrategy = ringall\n[support](fallback)\n"
    "member => PJSIP/200\n",
    "musiconhold.conf": "[default]\nmode = files\ndirectory = moh\n",
    "manager.conf": f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {5038 + OFFSET}\n"
    "[panel]\nsecret = of-the-panel\nread = system\n",
    "ari.conf": "[general]\nenabled = yes\nchannelvars = CRM\n[crm]\ntype = user\npassword = of-the-crm\n",
}


@dataclass(frozen=True)
class Both:
    line: Line
    theirs: Asterisk

    def files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.theirs.conf.etc.iterdir()}

    def facts(self) -> list[str]:
        """Return what their Asterisk has in memory, by its own console."""
        asked = ("pjsip show endpoints", "queue show", "manager show users", "ari show users", "moh show classes")
        return [self.theirs.ask(command) for command in asked]


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    with tempfile.TemporaryDirectory(prefix="hatif-theirs-") as folder:
        conf = example(Path(folder) / "theirs", node="office", endpoints=(), queues=(), carriers=())
        write(conf)
        for path in conf.etc.iterdir():
            if path.name not in ("asterisk.conf", "http.conf", "modules.conf", "logger.conf", "rtp.conf"):
                path.unlink()
        (conf.asterisk / "data" / "sounds" / "hatif").unlink()
        for name, text in FILES.items():
            (conf.etc / name).write_text(text)
        modules = (conf.etc / "modules.conf").read_text().splitlines()
        kept = [text for text in modules if not any(f"{name}.so" in text for name in NOT_THEIRS)]
        own = [f"load = {name}.so" for name in (*THEIR_OWN, "app_echo") if conf.installation.has_module(name)]
        (conf.etc / "modules.conf").write_text("\n".join([*kept, *own]) + "\n")
        (Path(folder) / "line").mkdir()
        line, theirs = Line(Path(folder) / "line", OFFSET), Asterisk(conf)
        try:
            await theirs.start()
            yield Both(line, theirs)
        finally:
            await line.down()
            await theirs.stop()


def office_telephone() -> Telephone:
    return Telephone("127.0.0.44", 5060 + OFFSET, "200", "of-the-office")


async def test_a_line_lives_in_an_asterisk_that_serves_others_and_leaves_nothing_there(
    both: Both, telephones: Telephones
) -> None:
    line, etc = both.line, both.theirs.conf.etc
    with office_telephone() as office:
        assert office.register().status == 200
    files, facts = both.files(), both.facts()
    refused = await asyncio.to_thread(line.process, "up")
    assert refused.returncode == 1 and "(AMI) is in use by asterisk" in refused.stderr, refused
    assert "`hatif existing load --into DIR`" in refused.stderr
    checked = line.run("existing", "check", "--into", str(etc))
    assert checked.returncode == 0 and "systemname is office" in checked.stdout, checked
    assert both.files() == files

    loaded = await asyncio.to_thread(line.run, "existing", "load", "--into", str(etc))
    assert loaded.returncode == 0, loaded
    queues = both.theirs.ask("queue show")
    assert "support " in queues and "hatif-fr " in queues and "hatif-ar " in queues
    assert "PJSIP/200" in both.theirs.ask("queue show support")
    assert "app_audiosocket.so" in both.theirs.ask("module show like app_audiosocket")
    assert {name for name, text in both.files().items() if files.get(name) not in (None, text)} == {
        *FILES,
        "modules.conf",
    }
    assert line.run("existing", "check").returncode == 0

    await line.up()
    status = line.run("status")
    assert status.returncode == 0 and "Serves calls." in status.stdout, status
    assert "asterisk" not in line.json("status")["processes"]
    kept, controller = line.home / "existing.json", line.pid("ivr")
    kept.rename(aside := line.home / "aside.json")  # as if the line were in there by hand
    refused = await asyncio.to_thread(line.process, "up")
    assert refused.returncode == 1 and "(AMI) is in use by asterisk" in refused.stderr, refused
    aside.rename(kept)
    assert line.pid("ivr") == controller
    await line.phone(telephones, "1018", answers=OPERATOR_HZ)
    call = await line.asks_for_operator(telephones, "+33656000011")
    call.tone(CALLER_HZ)
    await call.hears_tone(OPERATOR_HZ, 15)
    with office_telephone() as office:
        answer = office.invite("201")
        assert answer.status == 200
        office.hang_up(answer, "201")
    assert (await asyncio.to_thread(line.run, "reload", "--json")).returncode == 0
    running = line.run("existing", "unload")
    assert running.returncode == 1 and "stop `hatif up` first" in running.stderr
    await call.hangup()
    await line.down()

    gone = await asyncio.to_thread(line.run, "existing", "unload")
    assert gone.returncode == 0, gone
    assert both.files() == files
    with suppress(AssertionError):  # the next line shows what differs
        await line.until(lambda: both.facts() == facts, 10, "the state of their telephone is theirs again")
    assert both.facts() == facts
    for command in ("dialplan show", "core show channels concise"):
        assert "hatif" not in both.theirs.ask(command), command
    assert not (both.theirs.conf.asterisk / "data" / "sounds" / "hatif").is_symlink()


async def test_what_is_in_the_way_is_named_and_nothing_is_written(both: Both) -> None:
    etc = both.theirs.conf.etc
    for name, text in (
        ("queues.conf", "[hatif-fr]\n"),
        ("manager.conf", "[hatif]\nsecret = x\n"),
        ("pjsip.conf", "[1001]\ntype = aor\n"),
    ):
        (etc / name).write_text(FILES[name] + text)
    (etc / "ari.conf").unlink()
    (etc / "http.conf").write_text("[general]\nenabled = yes\nbindport = 8088\n")
    files = both.files()
    refused = both.line.run("existing", "load", "--into", str(etc))
    assert refused.returncode == 1 and "Nothing was written" in refused.stderr
    for found in (
        f"{etc}/ari.conf:1: E_FILE",
        f"{etc}/http.conf:1: E_SETTING: bindport is 8088; write bindport = {8088 + OFFSET} in [general]",
        "E_CLASH: [hatif-fr]",
        "E_CLASH: [hatif]",
        "E_CLASH: [1001]",
    ):
        assert found in refused.stdout, refused.stdout
    assert both.files() == files
    assert "is in no Asterisk of yours" in both.line.run("existing", "unload").stderr
