"""Files for browsers: `/static/NAME`."""

from typing import Any

from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from desk.page.pages import STATIC


class Files(StaticFiles):
    """The folder `desk/static`. An address with a version (`static_url`) never changes its content."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Any:
        response = await super().get_response(path, scope)
        lasting = b"v=" in scope.get("query_string", b"")
        if response.headers.get("Content-Type") == "image/svg+xml":
            response.headers["Content-Type"] = "image/svg+xml; charset=utf-8"
        response.headers["Cache-Control"] = "max-age=31536000, immutable" if lasting else "no-cache"
        return response
