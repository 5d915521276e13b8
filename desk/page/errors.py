"""Errors as pages, or as notices for htmx."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from db.engine import DatabaseError
from desk.control import ControlError, ControllerAwayError, InDoubtError, UnreadError, is_changed
from desk.page.pages import Pages
from desk.page.texts import N_
from office.amendments import AmendmentError
from office.cases.references import UnknownCaseError
from office.cases.rules import CaseError
from office.delivery import NotKeptError
from office.people import NotAllowedError
from office.reading import NotOnRecordError
from office.recordings import ScoreError

log = structlog.get_logger()

_AGAIN_S = 60.0

_EXPLAINED = {
    400: N_("The browser sent something that cannot be read."),
    403: N_("Your account may not do that."),
    404: N_("There is nothing at this address."),
    405: N_("There is nothing at this address."),
    413: N_("That is too long."),
    422: N_("Something in the form is not valid."),
    429: N_("Too many attempts. Wait a few minutes, then try again."),
}
NO_SECOND = N_(
    "One of you two has let the other in by a link, so that you are no second person for each other. Another "
    "administrator, or a command on the server, can renew the access."
)
"""To whoever the control API refuses with `let_in`."""
_DATABASE_AWAY = N_("The database does not answer. Calls go on; try again in a moment.")
_NO_CASE = N_("There is no case with this reference.")
NOT_WRITTEN = N_(
    "Who reads this is kept on record, and the record cannot be written at this moment, so it is not shown. Try again;"
    " if it stays, tell an administrator."
)
"""To whoever may not see what cannot be put on record."""
_CONTROLLER_AWAY = N_("The line does not answer at this moment. Try again in a few seconds.")
IN_DOUBT = N_("Nobody confirmed this: it may have been done. Look before you do it again.")
_DONE = N_("That is done, but the page cannot be shown at this moment. Look before you do it again.")
_FAILED = N_("The desk could not do that; its log says why.")

_AS_NOTICE = {"HX-Retarget": "#notices", "HX-Reswap": "beforeend"}
"""Has htmx show an error as a notice. It would replace a form, and what was typed into it, for a status of 422."""


_TYPED = ("name", "reason")
"""The fields for free text in forms without htmx, whose page is left when they are sent."""


class DeskError(Exception):
    """Something that a person asked for and cannot have. `text` is a text of the catalogues."""

    def __init__(self, status: int, text: str, **values: object) -> None:
        super().__init__(text)
        self.status, self.text, self.values = status, text, values


class _Reasons:
    """Why the database was away, for the log: each reason once a minute, however many pages ask."""

    def __init__(self) -> None:
        self._last: tuple[str, float] = "", 0.0

    def note(self, reason: str) -> None:
        before, at = self._last
        if reason != before or time.monotonic() - at > _AGAIN_S:
            self._last = reason, time.monotonic()
            log.warning("The database cannot be used; pages say so", reason=reason)


def handle_errors(app: FastAPI, pages: Pages) -> Callable[[Request], Response]:
    """Make `app` answer every error in the person's language.

    Returns:
        The answer to a request that failed unexpectedly. The door gives it: an exception handler's own answer to this
        would pass by the door, without its headers.
    """

    reasons = _Reasons()

    def answer(request: Request, status: int, text: str, **values: object) -> Response:
        return respond(request, status, pages.language_of(request).text(text, **values))

    def respond(request: Request, status: int, sentence: str, **also: object) -> Response:
        return pages.respond(request, "page/error.html", status, _AS_NOTICE, sentence=sentence, number=status, **also)

    async def respond_in_doubt(request: Request, text: str = IN_DOUBT) -> Response:
        sentence = pages.language_of(request).text(text)
        return respond(request, 503, sentence, look=_page_of(request), typed=await _typed(request))

    @app.exception_handler(DeskError)
    async def refused(request: Request, error: DeskError) -> Response:
        return answer(request, error.status, error.text, **error.values)

    @app.exception_handler(NotAllowedError)
    async def not_allowed(request: Request, _: NotAllowedError) -> Response:
        return answer(request, 403, _EXPLAINED[403])

    @app.exception_handler(NotOnRecordError)
    async def not_on_record(request: Request, _: NotOnRecordError) -> Response:
        return answer(request, 503, NOT_WRITTEN)

    @app.exception_handler(UnknownCaseError)
    async def unknown_case(request: Request, _: UnknownCaseError) -> Response:
        return answer(request, 404, _NO_CASE)

    @app.exception_handler(CaseError)
    async def refused_case(request: Request, error: CaseError) -> Response:
        sentence = str(error)
        return respond(request, 422, sentence[:1].upper() + sentence[1:])

    @app.exception_handler(AmendmentError)
    async def refused_amendment(request: Request, error: AmendmentError) -> Response:
        return respond(request, 422, str(error))

    @app.exception_handler(ScoreError)
    async def refused_scores(request: Request, error: ScoreError) -> Response:
        return respond(request, 409, str(error))

    @app.exception_handler(NotKeptError)
    async def not_kept(request: Request, error: NotKeptError) -> Response:
        log.error("A case could not be opened", reason=str(error))
        return answer(request, 503, _FAILED)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return answer(request, error.status_code, _EXPLAINED.get(error.status_code, _FAILED))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(request, 422, _EXPLAINED[422])

    @app.exception_handler(ControlError)
    async def control(request: Request, error: ControlError) -> Response:
        if isinstance(error, InDoubtError):
            return await respond_in_doubt(request)
        if isinstance(error, UnreadError):
            return await respond_in_doubt(request, _DONE)
        if isinstance(error, ControllerAwayError) or error.status == 503:
            return answer(request, 503, _CONTROLLER_AWAY)
        # The sentence of the control API is English; the rooms translate those that operators meet.
        status = error.status if error.status in (404, 409, 422) else 502
        return respond(request, status, error.detail)

    @app.exception_handler(DatabaseError)
    async def database(request: Request, error: DatabaseError) -> Response:
        if error.in_doubt and request.method != "GET":
            return await respond_in_doubt(request)
        if is_changed() and request.method != "GET":
            return await respond_in_doubt(request, _DONE)
        reasons.note(str(error))
        return answer(request, 503, _DATABASE_AWAY)

    return lambda request: answer(request, 500, _FAILED)


def _page_of(request: Request) -> str:
    """Return the address of the page on which a person was, which says what is true now; without the desk's own."""
    address = urlsplit(request.headers.get("hx-current-url") or request.headers.get("referer") or "")
    path = address.path if address.path.startswith("/") and not address.path.startswith("//") else "/"
    return f"{path}?{address.query}" if address.query else path


async def _typed(request: Request) -> list[str]:
    """Return what a person typed into a form whose page they have left; htmx leaves the form as it is."""
    if request.headers.get("hx-request"):
        return []
    form = await request.form()  # read before
    return [text for name in _TYPED if isinstance(text := form.get(name), str) and text.strip()]
