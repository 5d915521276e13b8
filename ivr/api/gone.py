"""Operations that the control API no longer has. For one release they answer 410, and name what replaces them."""

from fastapi import Response

from ivr.api.problems import ApiError
from ivr.api.router import make_router

router = make_router("gone")


@router.api_route("/cases", methods=["POST"], include_in_schema=False)
@router.api_route("/cases/{rest:path}", methods=["GET", "POST", "PATCH"], include_in_schema=False)
async def cases() -> Response:
    """Case files are the office's: they are not live, and nobody needs the controller for them."""
    sentence = (
        "Case files are no longer read and changed through the control API. Use `hatif case show|open|set|note|close|"
        "pin REFERENCE` with --json, which needs no controller, or the desk."
    )
    raise ApiError(410, sentence, "gone")


@router.api_route("/recordings/{rest:path}", methods=["POST", "PUT"], include_in_schema=False)
async def recordings() -> Response:
    """Who has heard a recording and how it was scored is the office's as well."""
    sentence = "Recordings are no longer heard and scored through the control API. Use the desk, without a controller."
    raise ApiError(410, sentence, "gone")
