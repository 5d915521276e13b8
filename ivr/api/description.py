"""The description of the control API (OpenAPI): what FastAPI derives, with what holds for every operation."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from ivr.api.problems import MEDIA_TYPE, Problem
from wire.live import Gone, Queue, Snapshot

INTRODUCTION = """\
See and change what is live on a running line: calls, queue, operators, hours, holidays, call-back requests.

It listens on 127.0.0.1 only, port 8070 plus `HATIF_PORT_OFFSET`. Every request needs the `control_token` of
`HATIF_HOME/secrets.json` as `Authorization: Bearer TOKEN`; it is checked before anything else is read. A body is JSON
of at most 64 KiB (a change of the site's files: 512 KiB) and must arrive within 5 s.

A request that changes something names who asks in `Hatif-Actor`: 1 to 40 letters, digits and `_.@+-\\`, the first one a
letter, a digit or `_`. `hatif` sends the login name. It is kept in the audit (`hatif audit`); the token alone decides
what is allowed.

An error is a problem document (RFC 9457, `application/problem+json`): `title`, `status`, `detail` and `instance`;
`code` where several reasons share a status, and `errors` with each mistake in a request that is not valid.

Instants are POSIX seconds where a number is given, and ISO 8601 in UTC where a text is given. New members can be added
to answers and new events to the stream; within `/v1` none is removed or changes its meaning. An operation that is gone
answers 410 for one release and names what replaces it: those of `/v1/cases`, `/v1/messages` and `/v1/guide-requests`
do, in place of which there are `hatif case`, `hatif message` and `hatif waiting`, and what people noted in `/v1/guide`
and `/v1/recordings`, which they do at the desk."""

_ALWAYS = {
    400: "The body is not JSON that can be used.",
    401: "The token is missing or wrong.",
    408: "The body did not arrive in time.",
    413: "The body is too long.",
    415: "The body is not sent as `application/json`.",
    421: "The request names another host than 127.0.0.1, localhost or [::1].",
    500: "The controller failed; its log says why.",
}
_INVALID = (422, "The request is not valid; `errors` has each mistake.")


def describe(app: FastAPI) -> None:
    """Make `app` answer with the whole description."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(title=app.title, version=app.version, description=INTRODUCTION, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _complete(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for own in ("HTTPValidationError", "ValidationError"):
        schemas.pop(own, None)
    reference = "#/components/schemas/{model}"
    for model in (Problem, Snapshot, Queue, Gone):  # those that no operation names
        found = TypeAdapter(model).json_schema(ref_template=reference, mode="serialization")
        schemas.update(found.pop("$defs", {}))
        schemas[model.__name__] = found
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    shared = sorted((*_ALWAYS.items(), _INVALID))
    components["responses"] = {str(status): _response(status, text) for status, text in shared}
    schema["security"] = [{"token": []}]
    for path in schema["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            takes = operation.get("parameters") or operation.get("requestBody")
            for status in (*_ALWAYS, *((422,) if takes or "422" in responses else ())):
                responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
            operation["responses"] = dict(sorted(responses.items()))
    return schema


def _response(status: int, text: str) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": f"{HTTPStatus(status).phrase}. {text}", "content": content}
