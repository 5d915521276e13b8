"""Errors as pages, or as notices for htmx."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from db.engine import DatabaseError
from desk.control import ControlError, ControllerAwayError
from desk.page.pages import Pages
from desk.page.texts import N_

_EXPLAINED = {
    400: N_("The browser sent something that cannot be read."),
    403: N_("Your account may not do that."),
    404: N_("There is nothing at this address."),
    405: N_("There is nothing at this address."),
    413: N_("That is too long."),
    422: N_("Something in the form is not valid."),
    429: N_("Too many attempts. Wait a few minutes, then try again."),
}
_DATABASE_AWAY = N_("The database does not answer. Calls go on; try again in a moment.")
_CONTROLLER_AWAY = N_("The line does not answer at this moment. Try again in a few seconds.")
_FAILED = N_("The desk could not do that; its log says why.")

_AS_NOTICE = {"HX-Retarget": "#notices", "HX-Reswap": "beforeend"}
"""Has htmx show an error as a notice. It would replace a form, and what was typed into it, for a status of 422."""


class DeskError(Exception):
    """Something that a person asked for and cannot have. `text` is a text of the catalogues."""

    def __init__(self, status: int, text: str, **values: object) -> None:
        super().__init__(text)
        self.status, self.text, self.values = status, text, values


def handle_errors(app: FastAPI, pages: Pages) -> None:
    """Make `app` answer every error in the person's language."""

    def answer(request: Request, status: int, text: str, **values: object) -> Response:
        return respond(request, status, pages.language_of(request).text(text, **values))

    def respond(request: Request, status: int, sentence: str) -> Response:
        return pages.respond(request, "page/error.html", status, _AS_NOTICE, sentence=sentence, number=status)

    @app.exception_handler(DeskError)
    async def refused(request: Request, error: DeskError) -> Response:
        return answer(request, error.status, error.text, **error.values)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return answer(request, error.status_code, _EXPLAINED.get(error.status_code, _FAILED))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(request, 422, _EXPLAINED[422])

    @app.exception_handler(ControlError)
    async def control(request: Request, error: ControlError) -> Response:
        if isinstance(error, ControllerAwayError) or error.status == 503:
            return answer(request, 503, _CONTROLLER_AWAY)
        # The sentence of the control API is English; the rooms translate those that operators meet.
        status = error.status if error.status in (404, 409, 422) else 502
        return respond(request, status, error.detail)

    @app.exception_handler(DatabaseError)
    async def database(request: Request, _: DatabaseError) -> Response:
        return answer(request, 503, _DATABASE_AWAY)

    @app.exception_handler(Exception)
    async def failed(request: Request, _: Exception) -> Response:
        return answer(request, 500, _FAILED)
