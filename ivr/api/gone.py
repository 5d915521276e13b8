"""Operations that the control API no longer has. For one release they answer 410, and name what replaces them."""

from collections.abc import Awaitable, Callable, Sequence

from fastapi import Response

from ivr.api.problems import ApiError
from ivr.api.router import make_router

router = make_router("gone")

_GONE: Sequence[tuple[Sequence[tuple[str, Sequence[str]]], str]] = (
    (
        (("/cases", ("POST",)), ("/cases/{rest:path}", ("GET", "POST", "PATCH"))),
        "Case files are no longer read and changed through the control API. Use `hatif case show|open|set|note|close|"
        "pin REFERENCE` with --json, which needs no controller, or the desk.",
    ),
    (
        (("/messages", ("GET",)), ("/messages/{rest:path}", ("POST",))),
        "Voice messages are no longer listed and worked off through the control API. Use `hatif messages` and `hatif "
        "message take|release|hear|done ID` with --json, which need no controller, or the desk.",
    ),
    (
        (("/guide-requests", ("GET",)), ("/guide-requests/{rest:path}", ("POST",))),
        "Requests for the guide in writing are no longer listed and ended through the control API. Use `hatif waiting` "
        "with --json and `hatif waiting take|release|sent ID`, or the desk.",
    ),
    (
        (
            ("/callbacks", ("GET",)),
            ("/callbacks/{callback}/take", ("POST",)),
            ("/callbacks/{callback}/cancel", ("POST",)),
        ),
        "Call-back requests are no longer listed, taken over and cancelled through the control API. Use `hatif "
        "callbacks` with --json and `hatif callbacks take|cancel ID`, which need no controller, or the desk.",
    ),
    (
        (
            ("/guide/amendments", ("POST",)),
            ("/guide/amendments/{amendment}/refuse", ("POST",)),
            ("/guide/amendments/{amendment}/withdraw", ("POST",)),
        ),
        "Amendments are no longer proposed, refused and withdrawn through the control API. Use the desk.",
    ),
    (
        (("/guide/gaps", ("POST",)), ("/guide/questions/done", ("POST",)), ("/guide/{procedure}/sent", ("POST",))),
        "Notes about the guide are no longer made through the control API. Use the desk.",
    ),
    (
        (("/recordings/{rest:path}", ("POST", "PUT")),),
        "Recordings are no longer heard and scored through the control API. Use the desk, without a controller.",
    ),
)
"""Paths with their methods, and what is said: all that is the office's, since no call waits for it."""


def _answering(sentence: str) -> Callable[[], Awaitable[Response]]:
    async def gone() -> Response:
        raise ApiError(410, sentence, "gone")

    return gone


for _routes, _sentence in _GONE:
    for _path, _methods in _routes:
        router.add_api_route(_path, _answering(_sentence), methods=list(_methods), include_in_schema=False)
