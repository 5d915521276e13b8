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


@router.api_route("/messages", methods=["GET"], include_in_schema=False)
@router.api_route("/messages/{rest:path}", methods=["POST"], include_in_schema=False)
async def messages() -> Response:
    """Callers' messages are the office's as well; calls only leave them."""
    sentence = (
        "Voice messages are no longer listed and worked off through the control API. Use `hatif messages` and `hatif "
        "message take|release|hear|done ID` with --json, which need no controller, or the desk."
    )
    raise ApiError(410, sentence, "gone")


@router.api_route("/guide-requests", methods=["GET"], include_in_schema=False)
@router.api_route("/guide-requests/{rest:path}", methods=["POST"], include_in_schema=False)
async def guide_requests() -> Response:
    """So are requests for a procedure of the guide in writing."""
    sentence = (
        "Requests for the guide in writing are no longer listed and ended through the control API. Use `hatif waiting` "
        "with --json and `hatif waiting take|release|sent ID`, or the desk."
    )
    raise ApiError(410, sentence, "gone")


@router.api_route("/guide/amendments", methods=["POST"], include_in_schema=False)
@router.api_route("/guide/amendments/{amendment}/refuse", methods=["POST"], include_in_schema=False)
@router.api_route("/guide/amendments/{amendment}/withdraw", methods=["POST"], include_in_schema=False)
async def amendments() -> Response:
    """Only what changes what callers hear is live: releasing an amendment, and taking it back."""
    sentence = "Amendments are no longer proposed, refused and withdrawn through the control API. Use the desk."
    raise ApiError(410, sentence, "gone")


@router.api_route("/guide/gaps", methods=["POST"], include_in_schema=False)
@router.api_route("/guide/questions/done", methods=["POST"], include_in_schema=False)
@router.api_route("/guide/{procedure}/sent", methods=["POST"], include_in_schema=False)
async def guide() -> Response:
    """What people note about the guide is the office's."""
    raise ApiError(410, "Notes about the guide are no longer made through the control API. Use the desk.", "gone")


@router.api_route("/recordings/{rest:path}", methods=["POST", "PUT"], include_in_schema=False)
async def recordings() -> Response:
    """Who has heard a recording and how it was scored is the office's as well."""
    sentence = "Recordings are no longer heard and scored through the control API. Use the desk, without a controller."
    raise ApiError(410, sentence, "gone")
