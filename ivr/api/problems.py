"""Errors of the control API, as problem documents (RFC 9457)."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

T = TypeVar("T")

MEDIA_TYPE = "application/problem+json"
INSTANCE_LIMIT = 200
"""Characters of a request's path that are repeated in its problem document."""

_EXPLAINED = {404: "There is nothing at this path.", 405: "This path does not accept this method."}


class FieldError(BaseModel):
    """One mistake in a request."""

    location: str = Field(description="Where it is, such as `body.force` or `header.Hatif-Actor`.")
    detail: str


class Problem(BaseModel):
    """Why a request was not carried out (RFC 9457)."""

    type: str = Field("about:blank", description="Always `about:blank`: the status says what kind of problem it is.")
    title: str = Field(description="The name of the status.")
    status: int
    detail: str = Field(description="A sentence for a person: what is wrong and, where possible, what to do.")
    instance: str = Field(description="The path of the request.")
    code: str | None = Field(None, description="Which rule refused the request, where several share a status.")
    errors: list[FieldError] | None = Field(None, description="Each mistake in a request that is not valid.")


class ApiError(HTTPException):
    """A request that is not carried out. `code` tells apart the reasons that share a status."""

    def __init__(
        self,
        status: int,
        detail: str,
        code: str | None = None,
        *,
        errors: Sequence[FieldError] | None = None,
    ) -> None:
        super().__init__(status, detail)
        self.code, self.errors = code, errors


def present(found: T | str | None, why: str) -> T:
    """Return the database's answer.

    Raises:
        ApiError: 404 if it is a sentence, about what there is not; 503 if the database is away (None; `why`: the
            reason).
    """
    if found is None:
        raise ApiError(503, f"The database is away; nothing was changed. Try again when it is back. ({why})")
    if isinstance(found, str):
        raise ApiError(404, f"{found[:1].upper()}{found[1:]}.")
    return found


class Repository(Protocol):
    """A part that changes something in the database, within a time limit. `why`: the last question had no answer;
    `in_doubt`: what it was to change may have been changed."""

    @property
    def why(self) -> str: ...

    @property
    def in_doubt(self) -> bool: ...


def confirmed(found: T | str | None, repository: Repository) -> T:
    """Return the database's answer to a change. Raises ApiError as `present` does, with what is known of the change."""
    if found is None and repository.in_doubt:
        sentence = (
            "The database did not answer in time; what you asked for may have been done. Look before you repeat it."
        )
        raise ApiError(503, f"{sentence} ({repository.why})", "in_doubt")
    return present(found, repository.why)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what FastAPI puts into the description for these statuses of an operation."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def encode(
    status: int,
    detail: str,
    path: str,
    code: str | None = None,
    errors: Sequence[FieldError] | None = None,
) -> bytes:
    """Return a problem document about a request for `path`."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=quote(path[:INSTANCE_LIMIT], errors="replace"),
        code=code,
        errors=list(errors) if errors else None,
    )
    return problem.model_dump_json(exclude_none=True).encode()


def handle_errors(app: FastAPI) -> None:
    """Make `app` answer every error with a problem document."""

    @app.exception_handler(StarletteHTTPException)
    async def refused(request: Request, error: StarletteHTTPException) -> Response:
        detail = error.detail
        if detail == HTTPStatus(error.status_code).phrase:  # by the router, not by one of ours
            detail = _EXPLAINED.get(error.status_code, f"{detail}.")
        if not isinstance(error, ApiError):
            return _response(request, error.status_code, detail, headers=error.headers)
        return _response(request, error.status_code, detail, code=error.code, errors=error.errors)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [
            FieldError(location=".".join(map(str, item["loc"])), detail=str(item["msg"])) for item in error.errors()
        ]
        detail = "; ".join(f"{item.location.partition('.')[2] or item.location}: {item.detail}" for item in errors)
        return _response(request, 422, detail, errors=errors)

    @app.exception_handler(TimeoutError)
    async def late(request: Request, _: TimeoutError) -> Response:
        return _response(request, 503, "The controller did not answer in time; try again in a moment.")

    @app.exception_handler(Exception)
    async def failed(request: Request, _: Exception) -> Response:
        return _response(request, 500, "The controller failed to answer; its log says why.")


def _response(
    request: Request,
    status: int,
    detail: str,
    *,
    code: str | None = None,
    errors: Sequence[FieldError] | None = None,
    headers: Any = None,
) -> Response:
    body = encode(status, detail, request.url.path, code, errors)
    return Response(body, status, headers=headers, media_type=MEDIA_TYPE)
