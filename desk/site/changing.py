"""The common part of all pages that change the site: reading its files, making a change, explaining a refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from desk.context import DeskDep
from desk.control import ControlError, ControllerAwayError, InDoubtError
from desk.page.errors import IN_DOUBT, NO_SECOND
from desk.page.texts import N_
from desk.people.signed_in import AdministratorDep
from desk.site.site_toml import FILE, Edit, SiteTextError, parse
from desk.site.tabs import respond

_AWAY = N_("The line does not answer at this moment. What you have typed is still here; try again in a few seconds.")
_NOTHING = N_("The site says exactly this already: there is nothing to change.")
_BUSY = N_("Many changes are waiting for their check; try again in a minute.")
_UNWRITABLE = N_("The site's files cannot be changed on this machine: %(why)s")
_MEANWHILE = N_(
    "Somebody has changed a file of the site since this change was checked. Check it again: it is made anew from the "
    "files as they are now."
)
_NO_FILE = N_("The site has no file %(file)s.")
_OTHER = N_("This change cannot be made: %(why)s")

_UNREADABLE = N_("%(file)s has a mistake; correct the file first: %(why)s")

_LONGEST_BACK = 6000
"""Characters of an address with what was typed."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A file of the site as it is saved. `mark` differs when its content does."""

    text: str
    mark: str


class RefusedError(Exception):
    """The control API does not do it: a sentence in the person's language."""


class Room:
    """The parts that every page of this room needs. A dependency."""

    def __init__(self, request: Request, desk: DeskDep, administrator: AdministratorDep) -> None:
        self.request, self.desk, self.person = request, desk, administrator.person

    def text(self, text: str, **values: object) -> str:
        return self.desk.pages.language_of(self.request).text(text, **values)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        return respond(self.request, self.desk, f"site/{template}", status, **values)

    async def ask(self, method: str, path: str, body: object = None, *, patience_s: float | None = None) -> Any:
        """Ask the control API in this person's name. Raises RefusedError."""
        try:
            return await self.desk.control.ask(method, path, self.person.id, body, patience_s=patience_s)
        except ControlError as error:
            raise RefusedError(self._sentence(error)) from None

    async def file(self, name: str) -> Saved:
        """Return a file of the site. Raises RefusedError."""
        try:
            found = await self.desk.control.ask("GET", f"/site/file?file={name}", self.person.id)
        except ControlError as error:
            if error.status == 404:
                raise RefusedError(self.text(_NO_FILE, file=name)) from None
            raise RefusedError(self._sentence(error)) from None
        return Saved(str(found["content"]).removeprefix("\ufeff").replace("\r\n", "\n"), str(found["digest"])[:16])

    async def site(self) -> dict[str, Any]:
        """Return the values of `site.toml`. Raises RefusedError."""
        try:
            return parse((await self.file(FILE)).text)
        except SiteTextError as error:
            raise RefusedError(self.text(_UNREADABLE, file=FILE, why=str(error))) from None

    async def make(self, title: str, edits: Sequence[Edit], back: str) -> Response:
        """Make a change of the site's files, and lead to its page.

        Args:
            back: The form's own address with what was typed; the page of the change leads back to it.

        Raises:
            RefusedError: It cannot be made.
        """
        if not edits:
            raise RefusedError(self.text(_NOTHING))
        wanted = {"title": title[:160], "name": self.person.name, "edits": list(edits)}
        found = await self.ask("POST", "/site/changes", wanted)
        back = back if len(back) <= _LONGEST_BACK else back.partition("?")[0]
        return RedirectResponse(f"/site/changes/{found['id']}?{urlencode({'back': back})}", 303)

    def _sentence(self, error: ControlError) -> str:
        if isinstance(error, ControllerAwayError):
            return self.text(_AWAY)
        if isinstance(error, InDoubtError):
            return self.text(IN_DOUBT)
        known = {"nothing": _NOTHING, "busy": _BUSY, "changed_meanwhile": _MEANWHILE, "let_in": NO_SECOND}
        if error.code in known:
            return self.text(known[error.code])
        return self.text(_UNWRITABLE if error.code in ("not_writable", "git") else _OTHER, why=error.detail)


def typed(path: str, values: Mapping[str, str]) -> str:
    """Return a form's address with what was typed into it."""
    return f"{path}?{urlencode({name: value for name, value in values.items() if value})}"
