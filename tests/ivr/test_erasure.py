"""`hatif caller erase` and `hatif caller export`: an erased number is nowhere in a home, however it was written; what
is about others stays."""

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import small_site
from db_helpers import count
from every import every
from shell import Shell

from cli.on_record import REASON
from db.delivery import deliver_all
from db.engine import open_engine
from db.erasure import BeingCalledError, erase
from db.ids import uuid7
from db.journal import Journal
from db.masking import Spellings
from db.tables import Call
from ivr.data.proof import Proofs
from ivr.home import line_settings
from ivr.home.line_settings import KeptLine
from ivr.model import clock
from ivr.model.e164 import spellings

pytest_plugins = ["db_fixtures"]

NUMBER, OTHER = "+33619000051", "+33619000052"
WRITTEN = (
    NUMBER, "0033619000051", "33619000051", "0619000051", "06 19 00 00 51", "06.19.00.00.51", "06-19-00-00-51",
    "+33 6 19 00 00 51", "+33 (0)6 19 00 00 51", "0033 6 19 00 00 51", "06\u00a019\u00a000\u00a000\u00a051",
    "619000051", "sip:+33619000051@carrier", "%2B33619000051", "(06) 19/00.00-51", "0033 (0)6 19 00 00 51",
    "06–19–00–00–51", "+33 6 19 00 00 51", "0619000051 ext. 12", "0619000051,,12",
    "٠٦١٩٠٠٠٠٥١", "٠٦ ١٩ ٠٠ ٠٠ ٥١", "+۳۳۶۱۹۰۰۰۰۵۱", "０６１９００００５１", "＋３３ ６ １９ ００ ００ ５１",
)  # fmt: skip
LONGER = "9330619000051", "06190000517"


class Home(Shell):
    """A line that has a number in every place and in every form, and a controller's journal that is still open."""

    def __init__(self, folder: Path) -> None:
        site = small_site.make(folder.with_name("elsewhere"))
        super().__init__(folder, site.folder)
        line_settings.write(folder, KeptLine(19_000, str(site.folder)))
        self.make_database()
        self.journal = Journal(folder / "journal", "node1")
        self.calls = [self.called(NUMBER), self.called(OTHER)]
        self.logs()
        self.astdb()

    @property
    def url(self) -> str:
        return f"sqlite:///{self.home / 'hatif.db'}"

    def called(self, number: str) -> Any:
        put, now, call = self.journal.put, clock.now(), uuid7()
        raw = WRITTEN[7] if number == NUMBER else number
        put("call", id=call, caller=number, caller_raw=raw, started=now)
        texts = WRITTEN if number == NUMBER else (OTHER, *LONGER)
        for text in texts:
            data = {"entered": text, "deep": [{"text": f"call {text}, please"}], "since": 1_764_000_000}
            put("call_event", call_id=call, kind="key", data=data)
        for folder, table in (("messages", "message"), ("recordings", "recording")):
            (self.home / folder).mkdir(exist_ok=True)
            file = f"{folder}/{call}.wav"
            (self.home / file).write_bytes(b"RIFF")
            consent = {"consented": now, "consent_key": "1", "consent_text": "t", "consent_language": "fr"}
            more: dict[str, Any] = (
                {"started": now, **consent} if table == "recording" else {"at": now, "caller": number}
            )
            put(table, id=uuid7(), call_id=call, file=file, **more)
        put("caller", number=number, language="fr", last_called=now, last_call_id=call)
        request = uuid7()
        put("callback", id=request, kind="closed", number=number, wished=now, state="done", ended=now)
        put("callback", id=uuid7(), kind="closed", number=number, wished=now, due=now)
        put("callback_try", callback_id=request, try_number=1, number=number, dialled=now)
        put("guide_request", id=uuid7(), call_id=call, procedure="visa", number=number, requested=now, due=now)
        put("decision", kind="offer", call_id=call, reason=f"caller {number} called before", data={"number": number})
        put("audit", by="1901", act="hours", about=f"number:{number}", reason="06 19 00 00 51 complained", data={})
        reference = "100000017" if number == NUMBER else "100000025"
        put("case_file", reference=reference, kind="procedure", opened=now, caller=number, notify_number=number,
            title=f"Call {raw} back", applicant="Nadia Fern", applicant_folded="nadia fern")  # fmt: skip
        for text in texts:
            put(
                "case_note", id=uuid7(), case_reference=reference, author="1001", text=f"Rang {text}: no answer", at=now
            )
        put("call", id=call, ended=now, outcome="answered", case_reference=reference)
        self.journal.flush()
        self.deliver()
        return call

    def deliver(self) -> None:
        done = asyncio.run(deliver_all(self.home / "journal", self.url))
        assert done.rejected == 0

    def logs(self) -> None:
        lines = "".join(f"event=call caller={text} end\n" for text in (*WRITTEN, OTHER, *LONGER))
        for name in ("log/ivr.log", "log/ivr.log.1", "asterisk/log/security.log", "journal/rejected/a.1-2.json"):
            (self.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.home / name).write_text(lines)

    def astdb(self) -> None:
        path = self.home / "asterisk" / "db" / "astdb.sqlite3"
        path.parent.mkdir(parents=True)
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("PRAGMA secure_delete = OFF")
            database.execute("CREATE TABLE astdb (key VARCHAR(256), value VARCHAR(256))")
            database.execute("INSERT INTO astdb VALUES ('/hatif-fallback/1', ?)", (f"caller={NUMBER}",))
            database.execute("INSERT INTO astdb VALUES ('/hatif-state/1001', 'ready')")
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("PRAGMA secure_delete = OFF")
            database.execute("DELETE FROM astdb WHERE key LIKE '/hatif-fallback%'")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    yield made
    made.journal.close()


def files_with(folder: Path, digits: str) -> set[str]:
    """Return the files in which these digits follow one another, whatever is between them."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            text = re.sub(r"[\s().\-/–]", "", path.read_bytes().decode("utf-8", "replace"))
            if re.search(rf"(?<![0-9])(?:0033|00330|033|33|330|0|){digits}(?![0-9])", text):
                found.add(str(path.relative_to(folder)))
    return found


def test_an_erased_number_is_found_nowhere_in_the_home_but_as_a_proof(home: Home) -> None:
    assert files_with(home.home, "619000051") >= {
        "hatif.db", "log/ivr.log", "log/ivr.log.1", "asterisk/log/security.log", "asterisk/db/astdb.sqlite3",
        "journal/rejected/a.1-2.json", f"journal/{home.journal.boot}.000001.jsonl",
    }  # fmt: skip
    sizes = {path: path.stat().st_size for path in home.home.rglob("*.log*")}
    answer = home.run("caller", "erase", "0033 6 19 00 00 51")
    assert answer.returncode == 0, answer.stderr
    assert "Messages deleted: 1." in answer.stdout and "Recordings deleted: 1." in answer.stdout
    assert files_with(home.home, "619000051") == set()
    assert b"Nadia Fern" in (home.home / "hatif.db").read_bytes()  # the other caller's
    assert {path: path.stat().st_size for path in sizes} == sizes
    (proof,) = Proofs(home.home).of(NUMBER)
    ((data,),) = home.database("SELECT data FROM audit WHERE act = 'caller_erased'")
    assert json.loads(data)["proof"] == proof.hash
    assert (home.home / "erasures.json").stat().st_mode & 0o777 == 0o600
    shown = home.run("caller", "show", NUMBER)
    assert shown.returncode == 1 and "it was erased" in " ".join(shown.stderr.split())
    assert Proofs(home.home).of(OTHER) == []


def test_calls_and_cases_of_the_erased_stay_without_number_and_those_of_others_as_they_were(home: Home) -> None:
    before = json.loads(home.run("caller", "show", OTHER, "--json").stdout)
    assert home.run("caller", "erase", NUMBER).returncode == 0
    calls = {call["id"]: call for call in json.loads(home.run("calls", "--json").stdout)}
    mine, others = (calls[str(call)] for call in home.calls)
    assert (mine["caller"], mine["outcome"], others["caller"]) == (None, "answered", OTHER)
    assert json.loads(home.run("caller", "show", OTHER, "--json").stdout) == before
    found = {
        row[0]: row[1:]
        for row in home.database("SELECT reference, caller, notify_number, applicant, title FROM case_file")
    }
    assert found["100000017"] == (None, None, None, "Call (erased) back")
    assert found["100000025"] == (OTHER, OTHER, "Nadia Fern", f"Call {OTHER} back")
    left = sorted(path.name for path in (home.home / "messages").iterdir())
    assert left == [f"{home.calls[1]}.wav"]
    notes = [text for (text,) in home.database("SELECT text FROM case_note WHERE case_reference = '100000025'")]
    assert {f"Rang {text}: no answer" for text in (OTHER, *LONGER)} == set(notes)
    log = (home.home / "log" / "ivr.log").read_text()
    assert all(text in log for text in (OTHER, *LONGER)) and "caller=+xxxxxxxxxxx end" in log
    states = {row[0]: row[1] for row in home.database("SELECT number, count(*) FROM callback GROUP BY number")}
    assert states == {"(erased)": 2, OTHER: 2}


def test_the_journal_goes_on_after_its_delivered_part_was_overwritten(home: Home) -> None:
    assert home.run("caller", "erase", NUMBER).returncode == 0
    home.journal.put("call", id=uuid7(), caller="+33619000059", started=clock.now())
    home.journal.flush()
    home.deliver()
    assert asyncio.run(count(home.url, Call)) == 3
    home.journal.close()
    home.deliver()
    assert asyncio.run(count(home.url, Call)) == 3
    assert not list((home.home / "journal").glob("*.jsonl"))


def test_a_second_erasure_finds_nothing(home: Home) -> None:
    assert home.run("caller", "erase", NUMBER).returncode == 0
    again = home.run("caller", "erase", NUMBER)
    assert again.returncode == 1 and "Nothing is known about +33619000051" in " ".join(again.stderr.split())
    assert len(Proofs(home.home).of(NUMBER)) == 1


def test_an_interrupted_erasure_is_finished_by_the_next_one(home: Home) -> None:
    async def only_rows() -> None:
        async with open_engine(home.url) as engine:
            await erase(engine, NUMBER, "node1", "somebody", (), Spellings(spellings(NUMBER)))

    asyncio.run(only_rows())
    assert "log/ivr.log" in files_with(home.home, "619000051")
    assert home.run("caller", "erase", NUMBER).returncode == 0
    assert files_with(home.home, "619000051") == set()
    assert len(Proofs(home.home).of(NUMBER)) == 1


def test_a_file_of_the_administrator_s_is_named_and_left_alone(home: Home) -> None:
    assert home.site is not None
    (home.site / "notes.txt").write_text(f"Do not call {NUMBER}")
    answer = home.run("caller", "erase", NUMBER)
    assert answer.returncode == 0
    assert "notes.txt still has the number" in " ".join(answer.stderr.split())
    assert NUMBER in (home.site / "notes.txt").read_text()


def test_a_restored_backup_does_not_bring_an_erased_number_back(home: Home, tmp_path: Path) -> None:
    assert home.run("backup").returncode == 0
    answer = home.run("caller", "erase", NUMBER)
    assert "1 backups from before may have the number" in " ".join(answer.stderr.split())
    home.journal.close()
    (file,) = (home.home / "backups").iterdir()
    home.site = None  # it is in the home now
    restored = home.run("restore", str(file), "--replace")
    assert restored.returncode == 0, restored.stderr
    assert "1 numbers that had been erased since the backup were erased again" in restored.stdout
    left = {name for name in files_with(home.home, "619000051") if not name.startswith("backups/")}
    assert left == set()
    assert home.database("SELECT count(*) FROM call WHERE caller = ?", OTHER) == [(1,)]


def test_what_went_on_when_the_backup_was_made_does_not_keep_a_number_from_being_erased_again(home: Home) -> None:
    call, request = uuid7(), uuid7()
    home.journal.put("call", id=call, caller=NUMBER, started=clock.now())
    home.journal.put("callback", id=request, kind="closed", number=NUMBER, wished=clock.now(), due=clock.now(),
                     state="ringing_operator", claimed_node="node1", claimed_boot=uuid7())  # fmt: skip
    home.journal.flush()
    home.deliver()
    assert home.run("backup").returncode == 0
    assert home.run("caller", "erase", NUMBER).returncode == 1
    home.database("UPDATE call SET ended = started")
    home.database("UPDATE callback SET ended = wished, state = 'done'")
    assert home.run("caller", "erase", NUMBER).returncode == 0
    home.journal.close()
    (file,) = (home.home / "backups").iterdir()
    home.site = None  # it is in the home now
    restored = home.run("restore", str(file), "--replace")
    assert restored.returncode == 0, restored.stderr
    assert {name for name in files_with(home.home, "619000051") if not name.startswith("backups/")} == set()
    pending = home.database("SELECT count(*) FROM callback WHERE ended IS NULL AND number <> ?", OTHER)
    assert pending == [(0,)]


def test_everything_about_a_number_is_exported_and_nothing_about_others(home: Home, tmp_path: Path) -> None:
    home.database("UPDATE case_file SET pin_hash = 'secret hash'")
    out = tmp_path / "out"
    answer = home.run("caller", "export", "+33 6 19 00 00 51", "--out", str(out), "--json")
    assert answer.returncode == 0, answer.stderr
    counts = json.loads(answer.stdout)
    assert {name: counts[name] for name in ("call", "message", "recording", "callback", "callback_try", "audio")} == {
        "call": 1, "message": 1, "recording": 1, "callback": 2, "callback_try": 1, "audio": 2,
    }  # fmt: skip
    text = (out / "data.json").read_text()
    data = json.loads(text)
    assert [case["reference"] for case in data["case_file"]] == ["100000017"]
    assert len(data["call_event"]) == len(data["case_note"]) == len(WRITTEN)
    assert OTHER not in text and "secret hash" not in text
    assert (out / "messages" / f"{home.calls[0]}.wav").read_bytes() == b"RIFF"
    assert {path.stat().st_mode & 0o077 for path in out.rglob("*")} == {0}
    on_record = json.loads(home.run("audit", "--caller", NUMBER, "--act", "read_export", "--json").stdout)
    assert [row["about"] for row in on_record] == ["export:caller"]
    assert home.run("caller", "export", NUMBER, "--out", str(out)).returncode == 1
    nobody = home.run("caller", "export", "+33619000058", "--out", str(tmp_path / "more"))
    assert nobody.returncode == 1 and not (tmp_path / "more").exists()
    assert home.database("SELECT count(*) FROM audit WHERE data LIKE '%619000058%'") == [(0,)]


def read(home: Home) -> list[str]:
    """Have people read about both callers; return the acts about NUMBER, newest first."""
    (call, other), put = home.calls, home.journal.put
    (message,), (recording,) = (
        home.database(f"SELECT id FROM {table} WHERE call_id = ?", call.hex) for table in ("message", "recording")
    )
    for about, act in (
        (f"call:{call}", "read_caller"), ("case:100000017", "read_case"),
        (f"message:{UUID(message[0])}", "read_message"), (f"recording:{UUID(recording[0])}", "recording_heard"),
    ):  # fmt: skip
        put("audit", by="1002", act=act, about=about, reason="complaint", data={})
    put("audit", by="1901", act="listen", about="operator:1002", call_id=call, data={"supervision": "a"})
    put("audit", by="1002", act="read_case", about="case:100000025", reason="call", call_id=call, data={})
    put("audit", by="1002", act="read_caller", about=f"call:{other}", reason="work", data={})
    for terms, cases in (
        ("٠٦ ١٩ ٠٠ ٠٠ ٥١", []), ("nadia", ["100000017"]), ("9000051", ["100000017"]), ("00051", []),
        ("nadia f", ["100000025"]), (OTHER, ["100000025"]),
    ):  # fmt: skip
        put("audit", by="1002", act="read_search", reason="work", data={"terms": terms, "cases": cases})
    home.journal.flush()
    home.deliver()
    acts = ["read_caller", "read_case", "read_message", "recording_heard", "listen", *["read_search"] * 3]
    return acts[::-1]


def test_the_audit_says_who_has_seen_what_is_kept_of_a_caller(home: Home) -> None:
    wanted = read(home)
    for written in (NUMBER, "0033 6 19 00 00 51"):
        found = json.loads(home.run("audit", "--caller", written, "--json").stdout)
        found = [row for row in found if row["reason"] != REASON]  # the answer before this one is a record, too
        assert [row["act"] for row in found] == wanted
    assert (found[-1]["by"], found[-1]["reason"]) == ("1002", "complaint")
    assert [row["data"]["terms"] for row in found[:3]] == ["9000051", "nadia", "٠٦ ١٩ ٠٠ ٠٠ ٥١"]
    listed = home.run("audit", "--caller", NUMBER, "--act", "read_case", "--last", "5").stdout
    assert "case:100000017" in listed and "100000025" not in listed
    unknown = home.run("audit", "--caller", "+33619000058")
    assert (unknown.returncode, unknown.stdout) == (0, "Audit: none\n")


def test_what_was_searched_for_is_erased_with_the_number_and_that_somebody_searched_stays(home: Home) -> None:
    read(home)
    answer = home.run("caller", "erase", NUMBER)
    assert answer.returncode == 0, answer.stderr
    rows = home.database("SELECT data FROM audit WHERE act = 'read_search' ORDER BY seq")
    assert [json.loads(data)["terms"] for (data,) in rows] == [
        None, "(erased)", "(erased)", "(erased)", "nadia f", OTHER,
    ], "the whole number, a name that found its case, and two parts of it"  # fmt: skip
    assert home.database("SELECT count(*) FROM audit WHERE act LIKE 'read_%' AND by = '1002'") == [(11,)]
    assert home.run("audit", "--caller", NUMBER).stdout == "Audit: none\n"


async def test_a_number_that_is_in_a_call_is_not_erased(url: str, folder: Path) -> None:
    journal = Journal(folder, "node1")
    call = uuid7()
    journal.put("call", id=call, caller=NUMBER, started=clock.now())
    journal.put("call", id=uuid7(), caller=NUMBER, started=clock.now() - timedelta(days=2))  # its end was lost
    journal.flush()
    await deliver_all(folder, url)
    async with open_engine(url) as engine:
        with pytest.raises(BeingCalledError, match=f"is in a call at this moment \\(call {call}\\)"):
            await erase(engine, NUMBER, "node1", "somebody")
        journal.put("call", id=call, ended=clock.now())
        journal.close()
        await deliver_all(folder, url)
        assert (await erase(engine, NUMBER, "node1", "somebody")).calls == 2


@every("text", WRITTEN)
def test_every_way_of_writing_a_number_is_found(text: str) -> None:
    found = Spellings(spellings(NUMBER))
    for digits in ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"):
        written = f"Call {text} now".translate(str.maketrans("0123456789", digits))
        assert not {"51", "٥١", "۵۱"} & set(re.findall(r"\d\d", str(found.masked(written) or ""))), written
        assert found.may_be_in(written.encode())
        assert found.in_bytes.search(written.encode()), written


@pytest.mark.parametrize("text", [OTHER, *LONGER, "0619 00005", "1764000000"])
def test_other_numbers_are_not_taken_for_it(text: str) -> None:
    found = Spellings(spellings(NUMBER))
    for digits in ("0123456789", "٠١٢٣٤٥٦٧٨٩"):
        written = text.translate(str.maketrans("0123456789", digits))
        assert found.masked(written) == written
        assert not found.in_bytes.search(written.encode())
