"""docs/installation.md and docs/call-records.md list what there is, and nothing else."""

import inspect
import re

from page import CHECKOUT, Page

from asterisk_conf.conf import Ports
from db import queue_events, queue_log
from db.tables import QueueLog
from desk.settings import PORT, TELEPHONE_PORT
from ivr.home.settings import EXAMPLE, Settings

READ = re.compile(r'environ(?:ment)?(?:\.get\(|\[)"((?:HATIF|XDG)_[A-Z_]+)"')


def test_installation() -> None:
    page = Page("installation.md")
    # The scripts of the first block, and what they are for, as they say themselves.
    for command in page.commands():
        assert (CHECKOUT / command).stat().st_mode & 0o111, command

    ports, settings = Ports(), Settings(CHECKOUT, EXAMPLE, 0)
    taken = {
        *(str(getattr(ports, name)) for name in ("sip", "sips", "http", "ami", "hep", "agi")),
        f"{ports.rtp_first}–{ports.rtp_last}",  # as in the page
        *map(str, (settings.control_port, settings.monitoring_port, PORT, TELEPHONE_PORT)),
    }
    assert set(re.findall(r"^\| ([0-9–]+) (?:TCP|UDP)", page.text, re.MULTILINE)) == taken

    folders = ("cli", "ivr", "asterisk_conf", "desk", "db", "prompts")
    read = {
        name
        for folder in folders
        for path in (CHECKOUT / folder).rglob("*.py")
        for name in READ.findall(path.read_text())
    }
    read |= {"HATIF_PYTHON"}  # by scripts/setup
    assert "${HATIF_PYTHON" in (CHECKOUT / "scripts" / "setup").read_text()
    read -= {"HATIF_INSTALL"}  # the tests': where their Asterisk is
    assert set(re.findall(r"^\| `((?:HATIF|XDG)_[A-Z_]+)` \|", page.text, re.MULTILINE)) == read


def test_call_records() -> None:
    page = Page("call-records.md")
    rows = re.findall(r"^\| (`[A-Z`, ]+`) \| (.*?) \|", page.text, re.MULTILINE)
    described = {name: values for names, values in rows for name in re.findall("[A-Z]+", names)}
    told = {*re.findall(r'"([A-Z]{5,})"', inspect.getsource(queue_events) + inspect.getsource(queue_log))}
    told -= {queue_events.MANAGER, "PAUSED", "BRIDGE"}
    # Pauses are told once for all queues, and once for each.
    assert described.keys() == told | {"PAUSEALL", "UNPAUSEALL"}
    for name, count in queue_events.FIELDS.items():
        values = described[name]
        if values == "as `ABANDON`":
            values = described["ABANDON"]
        assert len(values.split(", ")) == count, name
    table = page.text[page.text.index("The table has the columns") :].partition("\n\n")[0]
    columns = [column.name for column in QueueLog.__table__.columns]
    own = columns[columns.index("time") : columns.index("data1")]
    assert re.findall("`([a-z0-9]+)`", table) == [*own, "data1", "data5", "id"]
