"""Commands that show what was and what is: `status`, `numbers`, `calls`, `call`."""

import asyncio
from typing import Any, cast

import typer

from ivr.cli.compose import Composition, ControlError
from ivr.cli.output import JSON, as_json, as_table, console


def register(app: typer.Typer) -> None:
    for command in (status, numbers, calls, call):
        app.command()(command)


def status(json: bool = JSON) -> None:
    """Whether a call can be served: exit status 0 only then."""
    # Another command need not load what this one needs.
    from ivr.cli.troubles import read_journal, undelivered, unwatched
    from ivr.process import processes
    from ivr.supervisor import OWN_NAME

    parts = Composition()
    offset = parts.settings.offset
    running = {name: info for name, info in processes(parts.settings.run).items() if info.alive}
    try:
        live = cast(dict[str, Any], parts.ask_controller("GET", "/status"))
    except ControlError:
        live = {"ari": False, "ami": False, "calls": {}}
    serves = bool(live["ari"] and live["ami"] and {"asterisk", "ivr", OWN_NAME} <= running.keys())
    journal = read_journal(parts.settings.journal, parts.database_url)
    troubles = [*unwatched(running), *undelivered(journal)]
    data: dict[str, Any] = {
        "serves": serves,
        "processes": {name: info.pid for name, info in running.items()},
        "addresses": {
            "sip": f"{parts.site.sip_bind}:{5060 + offset}",
            "ari": f"http://127.0.0.1:{8088 + offset}",
            "ami": f"127.0.0.1:{5038 + offset}",
            "control": f"http://127.0.0.1:{parts.settings.control_port}",
            "rtp": f"{10000 + offset}-{10999 + offset}/udp",
        },
        "calls": live["calls"],
        "open": live.get("open"),
        "home": str(parts.settings.home),
        "journal": {
            "records": journal.lag.records if journal.lag is not None else None,
            "age_s": round(journal.lag.seconds, 1) if journal.lag is not None else None,
        },
        "troubles": troubles,
    }
    if json:
        as_json(data)
    else:
        console.print("Serves calls." if serves else "Does NOT serve calls.")
        for trouble in troubles:
            console.print(trouble, markup=False, soft_wrap=True)
        as_table("Processes", ("process", "pid"), data["processes"].items())
        as_table("Addresses", ("what", "where"), data["addresses"].items())
        as_table("Calls now", ("state", "calls"), data["calls"].items())
        if not serves:
            console.print("Start it with `hatif up`, or look into the logs in", parts.settings.log, markup=False)
    if not serves:
        raise typer.Exit(1)


def numbers(json: bool = JSON) -> None:
    """The numbers that callers dial, with country and order of languages."""
    site = Composition().site
    rows = [
        {"number": each.number, "country": each.country, "languages": list(site.language_order(each.country))}
        for each in site.number
    ]
    if json:
        as_json(rows)
    else:
        as_table(
            "Numbers",
            ("number", "country", "languages"),
            ((row["number"], row["country"], " ".join(cast(list[str], row["languages"]))) for row in rows),
        )


def calls(last: int = typer.Option(20, "--last", min=1, help="How many."), json: bool = JSON) -> None:
    """The last calls, the newest first."""
    from db import read

    rows = asyncio.run(Composition().read(read.calls, last))
    if json:
        as_json(rows)
        return
    columns = ("started", "caller", "number", "language", "outcome", "operator", "wait_s", "case", "id")
    as_table("Calls", columns, ([_short(name, row[name]) for name in columns] for row in rows))


def _short(name: str, value: object) -> object:
    return str(value)[:19].replace("T", " ") if name == "started" else value


def call(identity: str = typer.Argument(help="The id, or its beginning."), json: bool = JSON) -> None:
    """The whole story of a call, decisions included."""
    from db import read
    from ivr.cli.story import told

    parts = Composition()
    story = asyncio.run(parts.read(read.call, identity))
    if json:
        as_json({**story.pop("call"), **story})
        return
    as_table("Call", ("what", "value"), story["call"].items())
    for sentence in told(story, texts_of(parts)):
        console.print(sentence, markup=False, soft_wrap=True)


def texts_of(parts: Composition) -> dict[tuple[str, str], str]:
    from prompts import manifest

    try:
        heard = manifest.load(parts.settings.sounds / manifest.FILE)
    except manifest.ManifestError:
        return {}
    return {
        (language, prompt): audio.text
        for language, prompts in heard.prompts.items()
        for prompt, audio in prompts.items()
    }
