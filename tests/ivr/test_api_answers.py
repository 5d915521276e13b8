"""The control API says who asked for a change, and why it refuses one, so that a stranger can use it."""

import contextlib
import json
import os
import signal
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from asked import DIRECT
from fastapi import FastAPI
from left import rows
from line import Line

from cli.control import ControlApi, ControllerAwayError, actor
from db.tables.administration import Audit
from ivr.api.problems import handle_errors
from ivr.home import credentials

NOBODY = "00000000-0000-7000-8000-000000000000"


def ask(line: Line, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str, Any]:
    """Return status, media type and document of an answer. A header is named with `_` for `-`."""
    token = credentials.load(line.home, ()).control_token
    named = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = json.dumps(body).encode() if body is not None else None
    url = f"http://127.0.0.1:{8070 + line.offset}{path}"
    request = urllib.request.Request(url, method=method, data=content, headers=named)
    try:
        with DIRECT.open(request, timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], json.load(error)


def problem(line: Line, method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
    """Return the problem document of a request that is refused, whose form is checked."""
    headers.setdefault("Hatif_Actor", "tests")
    status, media, document = ask(line, method, path, body, **headers)
    assert media == "application/problem+json"
    assert document["status"] == status and document["type"] == "about:blank"
    assert (document["title"] and document["detail"].endswith((".", "]", "'"))) or document.get("errors")
    assert document["instance"] == path.partition("?")[0]
    found: dict[str, Any] = document
    return found


def test_every_kind_of_error_is_a_problem_document(line: Line) -> None:
    operator = line.operators[0].id
    assert problem(line, "GET", "/v1/nothing")["detail"] == "There is nothing at this path."
    assert problem(line, "GET", "/status")["title"] == "Not Found"  # what is not below /v1
    assert problem(line, "DELETE", "/v1/status")["status"] == 405
    assert problem(line, "GET", "/v1/status", Authorization="Bearer wrong")["title"] == "Unauthorized"
    assert problem(line, "GET", "/v1/status", Host="example.org")["status"] == 421
    assert problem(line, "POST", "/v1/hours", {"why": "x" * 70_000})["status"] == 413
    assert problem(line, "GET", "/v1/operators/0")["detail"].startswith("There is no operator '0'")
    assert problem(line, "GET", f"/v1/calls/{NOBODY}")["status"] == 404
    assert problem(line, "POST", f"/v1/calls/{NOBODY}/hold")["status"] == 404
    assert problem(line, "POST", f"/v1/calls/{NOBODY}/dance")["status"] == 404
    assert problem(line, "POST", f"/v1/operators/{operator}/wrap_up", {"change": "end"})["status"] == 409
    assert problem(line, "DELETE", f"/v1/operators/{operator}/help")["status"] == 409
    assert problem(line, "PUT", "/v1/announcement", {"text": "nothing"})["status"] == 422
    assert problem(line, "POST", f"/v1/calls/{NOBODY}/move", {"front": True})["status"] == 404
    assert problem(line, "POST", f"/v1/calls/{NOBODY}/move", {"front": True, "topic": "file"})["status"] == 422
    spoken = {"languages": {"xx": 3}}
    assert problem(line, "PUT", f"/v1/operators/{operator}/languages", spoken)["detail"].startswith(
        "xx is not a language"
    )
    assert problem(line, "POST", "/v1/alarms/nothing/acknowledge", {})["status"] == 404
    assert problem(line, "POST", f"/v1/recordings/{NOBODY}/heard")["status"] == 410
    supervision = {"supervisor": operator, "operator": operator}
    assert problem(line, "POST", "/v1/supervision", supervision)["code"] in ("not_allowed", "self")


async def test_a_controller_that_is_late_or_fails_answers_with_a_problem_document_too() -> None:
    app = FastAPI()
    handle_errors(app)

    @app.get("/late")
    async def late() -> None:
        raise TimeoutError

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("something secret")

    async def answered(path: str) -> dict[str, Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "app": app}
        with contextlib.suppress(ValueError):  # what has failed is raised once more, for the log
            await app(scope, receive, send)
        assert dict(sent[0]["headers"])[b"content-type"] == b"application/problem+json"
        found: dict[str, Any] = json.loads(sent[1]["body"])
        return found

    assert (await answered("/late"))["status"] == 503
    found = await answered("/broken")
    assert found["status"] == 500 and "secret" not in found["detail"]


def test_each_mistake_in_a_request_is_named_with_its_place(line: Line) -> None:
    found = problem(line, "POST", "/v1/hours", {"force": "ajar", "until": "soon", "because": "of the wind"})
    places = {error["location"] for error in found["errors"]}
    assert places == {"body.force", "body.until", "body.because"}
    assert "force: " in found["detail"] and "because: " in found["detail"]
    assert problem(line, "GET", "/v1/guide/amendments?last=many")["errors"][0]["location"] == "query.last"


def test_an_error_of_the_api_is_one_sentence_of_the_command(line: Line) -> None:
    for arguments in (
        ("operators", "set", "0", "paused"),
        ("operators", "set", line.operators[0].id, "asleep"),
        ("operators", "set", line.operators[0].id, "paused", "--reason", "rain"),
        ("callbacks", "cancel", NOBODY),
        ("callbacks", "add", "not a number"),
    ):
        answer = line.run(*arguments)
        assert answer.returncode == 1 and answer.stdout == "", arguments
        assert answer.stderr.startswith("hatif: ") and "{" not in answer.stderr and "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "name", ["", " ", "-x", "a" * 41, "a b", "a\tb", "zoë", "a;b", "a<b>", "${x}", "x%0aevent=forged"]
)
def test_an_actor_with_an_unusual_name_is_refused(line: Line, name: str) -> None:
    asked = {"state": "away"}
    found = problem(line, "POST", f"/v1/operators/{line.operators[0].id}/state", asked, Hatif_Actor=name)
    assert found["errors"][0]["location"] == "header.Hatif-Actor"


def test_a_change_without_an_actor_is_refused(line: Line) -> None:
    status, media, document = ask(line, "POST", "/v1/hours", {"force": "closed"})
    assert (status, media) == (422, "application/problem+json")
    assert document["errors"][0]["location"] == "header.Hatif-Actor"
    assert line.control("GET", "/hours")["forced"] is False


async def test_the_audit_names_who_asked_for_each_change(line: Line) -> None:
    operator, actor = line.operators[0].id, f"anna-{time.time_ns() % 10**9}"

    def change(method: str, path: str, body: object = None) -> None:
        status, _, document = ask(line, method, f"/v1{path}", body, Hatif_Actor=actor)
        assert status in (200, 201), document

    change("POST", f"/operators/{operator}/state", {"state": "paused", "reason": "lunch"})
    change("POST", "/hours", {"force": "closed", "why": "storm"})
    change("POST", "/hours", {"force": "auto"})
    change("PUT", "/announcement", {"text": "institution", "why": "news"})
    change("PUT", "/announcement", {"text": None})
    day = "2098-05-04"
    change("POST", "/holidays", {"day": day, "name": "Day off"})
    change("POST", f"/holidays/{day}/move", {"to": "2098-05-05"})
    change("DELETE", "/holidays/2098-05-05")
    change("POST", "/callbacks", {"number": "+33612350077"})
    change("POST", "/flow/reload")
    wanted = [
        ("operator_state", f"operator:{operator}"),
        ("hours_closed", None),
        ("hours_auto", None),
        ("announce", "text:institution"),
        ("announce_off", None),
        ("holiday_added", f"day:{day}"),
        ("holiday_forgotten", f"day:{day}"),
        ("holiday_moved", f"day:{day}"),
        ("holiday_forgotten", "day:2098-05-05"),
        ("callback_added", None),
        ("flow_reloaded", None),
    ]
    await rows(line, Audit, by=actor, act="flow_reloaded")  # as soon as it is delivered
    found = sorted(await rows(line, Audit, by=actor), key=lambda row: (row.at, row.seq))
    assert [row.act for row in found] == [act for act, _ in wanted]
    for row, (_, about) in zip(found, wanted, strict=True):
        assert about is None or row.about == about
    assert (found[0].reason, found[0].data) == ("lunch", {"state": "paused"})
    assert found[1].reason == "storm"
    shown = [row for row in line.json("audit") if row["by"] == actor]
    assert len(shown) == len(wanted)
    (added,) = [row for row in found if row.act == "callback_added"]
    assert line.run("callbacks", "cancel", str(added.about).removeprefix("callback:")).returncode == 0


async def test_the_command_sends_the_login_name_also_through_sudo(line: Line) -> None:
    operator = line.operators[0].id
    line.environment["SUDO_USER"] = "meryem"
    try:
        assert line.run("operators", "set", operator, "paused").returncode == 0
    finally:
        del line.environment["SUDO_USER"]
    assert await rows(line, Audit, by="meryem", act="operator_state", about=f"operator:{operator}")


@pytest.mark.parametrize(
    ("login", "sent"),
    [("anna", "anna"), ("zoë k", "zo__k"), ("-x", "_-x"), ("DOMAIN\\anna", "DOMAIN\\anna"), ("a" * 60, "a" * 40)],
)
def test_a_login_name_is_sent_as_the_api_takes_it(login: str, sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", login)
    assert actor() == sent


async def test_a_controller_that_is_stopped_ends_the_streams_at_once_and_without_a_fault(line: Line) -> None:
    control = ControlApi(8070 + line.offset, credentials.load(line.home, ()).control_token, line.home / "secrets.json")
    events = control.events()
    assert next(events).name == "snapshot"
    seen, former = len(line.logged()), line.pid("ivr")
    os.kill(former, signal.SIGTERM)
    with pytest.raises(ControllerAwayError):
        for _ in events:
            pass
    await line.controller_back(former)
    # Where streams go on, uvicorn waits for a second, then cancels them, which it reports as an error.
    assert not [text for text in line.logged(seen).splitlines() if "level=error" in text or "Traceback" in text]
