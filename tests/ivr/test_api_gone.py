"""Operations that the control API no longer has answer 410, and name what replaces them."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from ivr.api.app import create_app


async def answered(method: str, path: str) -> tuple[int, Any]:
    """Return the status and the document that the operations answer, without the door in front of them."""
    sent: list[Any] = []
    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "http_version": "1.1"}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    app = create_app()
    app.state.controller = SimpleNamespace()
    await app(scope, receive, send)
    return sent[0]["status"], orjson.loads(b"".join(message.get("body", b"") for message in sent[1:]))


CASES = "`hatif case show|open|set|note|close|pin REFERENCE` with --json"
MESSAGES = "`hatif messages` and `hatif message take|release|hear|done ID` with --json"

REQUESTS = "`hatif waiting` with --json and `hatif waiting take|release|sent ID`"

CALLBACKS = "`hatif callbacks` with --json and `hatif callbacks take|cancel ID`"

AT_THE_DESK = "Use the desk"


@pytest.mark.parametrize(
    ("method", "path", "instead"),
    [
        ("POST", "/v1/cases", CASES),
        ("GET", "/v1/cases/123456782", CASES),
        ("PATCH", "/v1/cases/123-456-782", CASES),
        ("POST", "/v1/cases/123456782/notes", CASES),
        ("POST", "/v1/cases/123456782/pin", CASES),
        ("GET", "/v1/messages", MESSAGES),
        ("POST", "/v1/messages/0190a1b2/take", MESSAGES),
        ("GET", "/v1/guide-requests", REQUESTS),
        ("POST", "/v1/guide-requests/0190a1b2/end", REQUESTS),
        ("GET", "/v1/callbacks", CALLBACKS),
        ("POST", "/v1/callbacks/0190a1b2/take", CALLBACKS),
        ("POST", "/v1/callbacks/0190a1b2/cancel", CALLBACKS),
        ("POST", "/v1/guide/amendments", AT_THE_DESK),
        ("POST", "/v1/guide/amendments/0190a1b2/refuse", AT_THE_DESK),
        ("POST", "/v1/guide/amendments/0190a1b2/withdraw", AT_THE_DESK),
        ("POST", "/v1/guide/questions/done", AT_THE_DESK),
        ("POST", "/v1/guide/gaps", AT_THE_DESK),
        ("POST", "/v1/guide/visa/sent", AT_THE_DESK),
        ("POST", "/v1/recordings/0190a1b2/heard", "the desk"),
        ("PUT", "/v1/recordings/0190a1b2/scores", "the desk"),
    ],
)
async def test_an_operation_that_is_gone_answers_410_and_names_what_replaces_it(
    method: str, path: str, instead: str
) -> None:
    status, problem = await answered(method, path)
    assert (status, problem["code"], problem["title"]) == (410, "gone", "Gone")
    assert instead in problem["detail"]


async def test_what_never_was_there_is_not_gone_but_not_found() -> None:
    assert (await answered("GET", "/v1/caseload"))[0] == 404


def test_no_page_describes_what_is_gone() -> None:
    gone = (
        "/v1/cases", "/v1/messages", "/v1/guide-requests", "/v1/guide/gaps", "/v1/guide/questions", "/v1/recordings",
    )  # fmt: skip
    paths = create_app().openapi()["paths"]
    assert [path for path in paths if path.startswith(gone)] == []
    assert "post" not in paths["/v1/guide/amendments"] and "get" not in paths["/v1/callbacks"]
    assert not {"/v1/callbacks/{callback}/take", "/v1/callbacks/{callback}/cancel"} & paths.keys()
