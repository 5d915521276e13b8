"""Beside a foreign configuration on a real Asterisk: ours is loaded from files of ours, and none of theirs changes.

What the administrator writes and types is that of docs/existing-asterisk.md and docs/freepbx.md.
"""

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asterisk_console
import pytest
from asterisk_example import example, installation, shared_home
from offsets import LONE_OFFSET as OFFSET
from page import Page, arguments
from shell import Answer, command

from asterisk_conf import instance
from asterisk_conf.conf import write
from db.journal import Journal
from db.references import ReferenceAllocator, make_reference
from dialplan.lines import read_tree
from dialplan.load import compare, loaded
from dialplan.parse import Context, parse_source
from ivr.agi import server
from ivr.agi.case_service import CaseService
from ivr.agi.log_service import LogService
from ivr.agi.services import Services
from ivr.asterisk.ami import Ami
from ivr.cases import case_lookup
from ivr.home import credentials
from ivr.home.settings import EXAMPLE
from ivr.hours.opening import Opening
from ivr.model import clock
from ivr.records.recorder import Recorder
from ivr.site import site

clock.prepare()

SAMPLES = shared_home() / "asterisk" / "root" / "usr" / "share" / "asterisk" / "conf" / "samples"
BINDING = ("chan_iax2", "chan_unistim", "chan_ooh323", "chan_mgcp", "chan_skinny", "res_hep", "res_pktccops")
MANAGER = """\
[general]
enabled = yes
bindaddr = 127.0.0.1
port = {port}
[{user}]
secret = {password}
read = system,user,security,reporting
write = system,reporting,call,user
"""
FREEPBX = {
    "extensions.conf": "#include extensions_override_freepbx.conf\n#include extensions_additional.conf\n"
    "#include extensions_custom.conf\n[from-trunk]\ninclude => from-pstn\n[from-pstn]\ninclude => from-pstn-custom\n"
    "include => ext-did\n",
    "extensions_override_freepbx.conf": "",
    "extensions_additional.conf": "[ext-did]\nexten => _.,1,Hangup()\n",
    "extensions_custom.conf": "",
    "pjsip.conf": "#include pjsip.transports.conf\n#include pjsip.endpoint.conf\n#include pjsip_custom_post.conf\n",
    "pjsip.transports.conf": f"[0.0.0.0-udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{5060 + OFFSET}\n",
    "pjsip.endpoint.conf": "[200]\ntype=endpoint\ncontext=from-pstn\n",
    "pjsip_custom_post.conf": "",
}
PARSED = """\
[globals]
FIRST = 8
[parsed-base](!)
exten => 1,1,NoOp(from the template)
 same => n(end),Hangup()
[parsed-a](parsed-base)
exten => 2,1,NoOp(a \\; b) ; a comment
 same => n,NoOp(c) ;-- one comment ;-- within another --; ends --; same => n,Ignored()
exten => [3,4]5,1,NoOp(brackets)
exten => 6,1(first),NoOp()
 same => n+2(far),NoOp(,")
exten => 7,n,NoOp(counts from 6)
exten => ${FIRST}1,1,NoOp(${FIRST})
exten => 9,hint,Custom:lamp
 same => n,NoOp(dropped)
exten => 10,1,NoOp(no end
 same => next,NoOp(a) more
 same => n,NoOp
exten => 11,1,NoOp(a,b
exten +=,c)
#include parsed-more.conf
 same => n,NoOp(goes on)
[parsed-a](+)
exten => 13,1,NoOp(added)
[parsed-b] (parsed-base)
exten => 14,1,NoOp(no template)
"""
ASKS = """\
[asks]
exten => s,1,AGI(agi://127.0.0.1:{port}/language,33800212000)
 same => n,Set(DB(test/language)=${{AGISTATUS}} ${{HATIF_AGI}} ${{HATIF_COUNTRY}} ${{HATIF_LANG}})
 same => n,Set(HATIF_PIN=402913)
 same => n,Set(HATIF_AGI=)
 same => n,AGI(agi://127.0.0.1:{port}/case,{reference})
 same => n,Set(DB(test/case)=${{HATIF_AGI}} ${{HATIF_CASE}} ${{HATIF_CASE_STATE}} [${{HATIF_PIN}}])
 same => n,Hangup()
exten => h,1,Set(HATIF_AGI=)
 same => n,AGI(agi://127.0.0.1:{port}/log,outcome=self_served,language=fr,number=+33800212000)
 same => n,Set(DB(test/log)=${{HATIF_AGI}} ${{HATIF_LOG}})
"""
REFERENCE = make_reference(1, 1001)
PARSED_MORE = " same => n,NoOp(in the section around)\n[parsed-c]\nexten => 12,1,NoOp()\n"


EXISTING, OF_FREEPBX = Page("existing-asterisk.md"), Page("freepbx.md")


@dataclass(frozen=True)
class Other:
    """An administrator's Asterisk; `dialplan` and `pjsip` are the files to which they add our line."""

    home: Path
    etc: Path
    dialplan: str = "extensions.conf"
    pjsip: str = "pjsip.conf"
    freepbx: bool = False

    def types(self, group: str, act: str) -> Answer:
        """Run the command of a page for `dialplan` or `pjsip`."""
        begin = f"hatif {group} {act} "
        pages = [text for _, text in OF_FREEPBX.inline()] if self.freepbx else []
        text = next(text for text in (*pages, *EXISTING.commands()) if text.startswith(begin))
        text = re.sub(r"\[(.*?)\]", r"\1" if self.freepbx else "", text)
        return self.hatif(*arguments(text.replace("/etc/asterisk", str(self.etc))))

    def add_the_line(self, file: str) -> None:
        """Add the line of docs/existing-asterisk.md that includes our file."""
        texts = (*(text for _, text in EXISTING.inline()), *EXISTING.written(""))
        (line,) = {text for text in texts if text.endswith(f" {file}")}
        self.add(self.dialplan if file == "hatif-extensions.conf" else self.pjsip, line)

    def give_us_a_number(self) -> None:
        """Add what the pages write for a number's calls."""
        texts = OF_FREEPBX.written("") if self.freepbx else EXISTING.written("")
        self.add(self.dialplan, "\n".join(texts))

    def hatif(self, *arguments: str) -> Answer:
        environment = {"HATIF_HOME": str(self.home), "HATIF_PORT_OFFSET": str(OFFSET), "HATIF_DATABASE": ""}
        return command([*arguments], os.environ | environment)

    def console(self, text: str, *, check: bool = True) -> str:
        return asterisk_console.ask(installation().program, self.etc, text, check=check)

    def add(self, name: str, line: str) -> None:
        with (self.etc / name).open("a") as file:
            file.write(f"\n{line}\n")

    def theirs(self) -> dict[str, str]:
        return {
            path.name: path.read_text("latin-1") for path in self.etc.iterdir() if not path.name.startswith("hatif-")
        }


@pytest.fixture(params=["samples", "freepbx"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Other]:
    conf = example(tmp_path / "theirs")
    write(conf)
    # One of the two has all modules, which take most of its start; the other one has those that a line needs.
    kept = {"asterisk.conf"} if request.param == "samples" else {"asterisk.conf", "modules.conf"}
    for path in conf.etc.iterdir():
        if path.name not in kept:
            path.unlink()
    for sample in SAMPLES.glob("*.conf.sample"):
        if (name := sample.name.removesuffix(".sample")) not in kept:
            (conf.etc / name).write_bytes(sample.read_bytes())
    found = Other(tmp_path / "home", conf.etc)
    if request.param == "freepbx":
        rows = re.findall(r"^\| `(#tryinclude [^`]+)` \| `([^`]+)`, at its end", OF_FREEPBX.text, re.MULTILINE)
        into = {line.removeprefix("#tryinclude "): file for line, file in rows}
        files = into["hatif-extensions.conf"], into["hatif-pjsip.conf"]
        found = Other(tmp_path / "home", conf.etc, *files, freepbx=True)
        for name, text in FREEPBX.items():
            (conf.etc / name).write_text(text)
        for line in (EXAMPLE / "operators.csv").read_text().splitlines()[1:]:  # extensions of theirs
            found.add("pjsip.endpoint.conf", f"[{line.partition(',')[0]}]\ntype=endpoint\ncontext=from-internal")
    (conf.etc / "parsed.conf").write_text(PARSED)
    (conf.etc / "parsed-more.conf").write_text(PARSED_MORE)
    (conf.etc / "asks.conf").write_text(ASKS.format(port=4573 + OFFSET, reference=REFERENCE))
    found.add(found.dialplan, "#include asks.conf")
    found.add(found.dialplan, "#include parsed.conf")
    found.add("modules.conf", "\n".join(f"noload = {name}.so" for name in BINDING))
    assert found.hatif("pjsip", "render").returncode == 0  # makes the secrets
    secrets = credentials.load(found.home, ())
    manager = MANAGER.format(port=5038 + OFFSET, user=secrets.ami_user, password=secrets.ami_password)
    (conf.etc / "manager.conf").write_text(manager)
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        instance.command(conf), env=instance.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        until = time.monotonic() + 60
        while "fully booted" not in found.console("core waitfullybooted", check=False):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.2)
        yield found
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def differences(other: Other) -> list[str]:
    """Return where the parser's dialplan differs from Asterisk's."""
    plan = parse_source(read_tree(other.etc / "extensions.conf"))
    written = {name: {key: steps for key, steps in found.items() if steps} for name, found in plan.contexts.items()}
    secrets = credentials.load(other.home, ())

    async def ask() -> dict[str, Context]:
        async with Ami("127.0.0.1", 5038 + OFFSET, secrets.ami_user, secrets.ami_password) as ami:
            return await loaded(ami, written)

    found = asyncio.run(ask())
    return compare({name: steps for name, steps in written.items() if steps}, {n: s for n, s in found.items() if s})


class Files:
    """Case lookup that knows one case."""

    async def ask(self, reference: str, entered: str, *, caller: str, call: str) -> case_lookup.Answer:
        found = (reference, entered) == (REFERENCE, "402913")
        return case_lookup.CaseStatus(REFERENCE, "ready", (), None) if found else case_lookup.NoMatch(locked=False)


async def ask_over_fastagi(other: Other) -> list[str]:
    """Return what a dialplan got from our FastAGI services, and the rows in the journal."""
    chosen = site.load(EXAMPLE)
    folder = other.home / "asks"
    journal = Journal(folder, "node1")
    recorder = Recorder(journal, ReferenceAllocator(folder / "references", 1))
    services = Services(
        lambda: chosen,
        Opening(chosen, None, None),  # type: ignore[arg-type]  # nothing is stored
        lambda: (),
        CaseService(lambda: chosen, Files()),
        LogService(lambda: chosen, (), recorder),
    )
    running = asyncio.create_task(server.run(services, 4573 + OFFSET, 8088 + OFFSET))
    told = ""
    try:
        await asyncio.to_thread(other.console, "channel originate Local/s@asks application Wait 1")
        for _ in range(100):
            told = await asyncio.to_thread(other.console, "database show test")
            if "/test/log" in told:
                break
            await asyncio.sleep(0.1)
    finally:
        running.cancel()
        await asyncio.wait([running])
        journal.close()
    lines = [" ".join(line.split()) for line in told.splitlines()]
    return [*lines, *(line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines())]


def test_ours_is_loaded_beside_theirs_and_taken_back_where_it_clashes(other: Other) -> None:
    before = other.theirs()
    assert differences(other) == []
    if not other.freepbx:  # has no module for FastAGI here
        told = asyncio.run(ask_over_fastagi(other))
        assert "/test/language : SUCCESS ok FR fr" in told and "/test/case : ok found ready []" in told
        # A call that has been hung up can still be logged, by its `h` extension.
        (identity,) = (line.removeprefix("/test/log : ok ") for line in told if line.startswith("/test/log : ok "))
        assert sum(f'"id":"{identity}"' in line and '"outcome":"self_served"' in line for line in told) == 1
    assert "[hatif-carrier]" in other.types("dialplan", "render").stdout
    assert ("[carrier-example]" in other.types("pjsip", "render").stdout) != other.freepbx
    for group in ("dialplan", "pjsip"):  # without their line nothing is written
        for act in ("diff", "load"):
            answer = other.types(group, act)
            assert answer.returncode == 1 and "E_NOT_INCLUDED" in answer.stdout
    assert other.theirs() == before and not list(other.etc.glob("hatif-*"))

    other.add_the_line("hatif-extensions.conf")
    other.add_the_line("hatif-pjsip.conf")
    other.give_us_a_number()
    before = other.theirs()
    shown = other.types("dialplan", "diff")
    assert shown.returncode == 0 and "added: hatif-carrier\n" in shown.stdout, shown
    loaded = other.types("dialplan", "load")
    assert loaded.returncode == 0 and "contexts of ours" in loaded.stdout, loaded
    assert "hatif-entry" in other.console("dialplan show hatif-entry")
    assert "HATIF_NUMBER" in other.console("dialplan show +33800212000@hatif-entry")
    # All is well but for the numbers that were not given to us.
    left = other.types("dialplan", "diff").stdout.splitlines()
    assert all("W_NO_ENTRY" in line and "+33800212000" not in line for line in left), left
    loaded = other.types("pjsip", "load")
    assert loaded.returncode == 0, loaded
    endpoints = other.console("pjsip show endpoints")
    assert "1001" in endpoints and ("carrier-example" in endpoints) != other.freepbx
    if other.freepbx:  # their extensions dial our feature codes
        assert "'*10'" in other.console("dialplan show *10@from-internal-custom")
    assert other.types("pjsip", "diff").stdout.count("added: ") == 0
    assert other.theirs() == before

    # What clashes is named with its line, and neither our files nor theirs change.
    ours = {path.name: path.read_text() for path in other.etc.glob("hatif-*")}
    assert ours.keys() == {"hatif-extensions.conf", "hatif-pjsip.conf"}
    other.add(other.dialplan, "[hatif-entry]\nexten => 7,1,Hangup()")
    other.add(other.pjsip, "[1001]\ntype = endpoint\n[theirs]\ntype = identify\nendpoint = 1001\nmatch = 127.0.0.2")
    refused = other.types("dialplan", "load")
    assert refused.returncode == 1 and "E_CLASH: [hatif-entry]" in refused.stdout
    refused = other.hatif("pjsip", "load", "--into", str(other.etc))  # with all that we have
    assert refused.returncode == 1 and "E_CLASH: [1001]" in refused.stdout and "E_ADDRESS: [theirs]" in refused.stdout
    assert {path.name: path.read_text() for path in other.etc.glob("hatif-*")} == ours
