"""The person behind a request, and whether they may do what it asks for."""

import hmac
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from db.enums import AccountRole, PassedBy
from desk.context import Desk, part
from desk.control import actor_of
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people import tokens
from desk.people.accounts import Person
from desk.people.navigation import entries_of
from desk.people.policy import Permission, may
from desk.people.sessions import Session, Sessions
from desk.settings import DeskSettings
from office.people import Actor

CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
BY_ITSELF_HEADER = "x-by-itself"
"""On what a page asks for without its person (`desk/web/htmx.ts`)."""
FACTOR_PAGE = "/sign-in/factor"

_SAFE = ("GET", "HEAD")
_OUTDATED = N_("This page is outdated; reload it and try again.")
_NOT_ALLOWED = N_("Your account may not do that.")


class SignInNeeded(Exception):  # noqa: N818 - an answer, not a fault
    """The browser is not signed in, its session has ended, or the second factor is missing.

    Args:
        is_over: Whether it had a session.
        page: Where to sign in, or to give the code.
    """

    def __init__(self, is_over: bool = False, page: str = "/sign-in") -> None:
        super().__init__(page)
        self.is_over, self.page = is_over, page


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in person, and their browser's session."""

    person: Person
    session: Session
    token: str = field(repr=False)

    @property
    def mark(self) -> str:
        """A mark of this sign-in for other parts of the line: the same for all of it, and no secret."""
        return f"{self.person.id}-{self.session.created.timestamp() * 1e6:.0f}"[-40:].replace(".", "_")

    @property
    def actor(self) -> Actor:
        """Whoever acts, as the office knows them."""
        return Actor(actor_of(self.person.id), self.person.role, self.person.operator)

    @property
    def operator(self) -> str:
        """The operator whose calls they take; only behind `TAKE_CALLS`."""
        assert self.person.operator is not None, "the route needs TAKE_CALLS"
        return self.person.operator


def cookie_name(settings: DeskSettings) -> str:
    """Return the name of the session's cookie.

    The port keeps two desks on one machine apart, since browsers share cookies between all ports of a host. With TLS,
    the prefix has them accept it from this very host only.
    """
    return f"{'__Host-' if settings.is_encrypted else ''}hatif-{settings.port}"


class Needs:
    """A dependency of a route: somebody has signed in, may do this, and asks from a page of their own."""

    def __init__(self, permission: Permission, *, background: bool = False, half: bool = False) -> None:
        """Args:
        background: Whether browsers ask by themselves, so that it does not keep a session from ending.
        half: Whether it is for people whose second factor is missing as well.
        """
        self.permission, self._background, self._half = permission, background, half

    async def __call__(self, request: Request) -> SignedIn:
        desk, sessions = _desk_and_sessions(request)
        token = request.cookies.get(cookie_name(desk.settings), "")
        used = not self._background and not _is_by_itself(request)
        session = await sessions.find(token, desk.now(), used=used) if token else None
        if session is None:
            raise SignInNeeded(bool(token))
        _note(request, session, token)
        if not self._half and is_half(desk.settings, session):
            raise SignInNeeded(page=FACTOR_PAGE)
        if not may(session.person, self.permission):
            raise DeskError(403, _NOT_ALLOWED)
        if request.method not in _SAFE:
            await _check_csrf(request)
        return SignedIn(session.person, session, token)


async def public(request: Request) -> None:
    """Mark a route that needs nobody to be signed in; whoever is, is known."""
    desk, sessions = _desk_and_sessions(request)
    if token := request.cookies.get(cookie_name(desk.settings)):
        session = await sessions.find(token, desk.now(), used=request.method not in _SAFE)
        if session is not None and not is_half(desk.settings, session):
            _note(request, session, token)


def is_half(settings: DeskSettings, session: Session) -> bool:
    """Return whether a sign-in is not complete: the person has to give a code, or set up their second factor, first."""
    return lacks_factor(settings, session.person, session.passed, has_factor=session.has_factor)


def lacks_factor(settings: DeskSettings, person: Person, passed: PassedBy | None, *, has_factor: bool) -> bool:
    """Return the same of a sign-in that begins."""
    if not settings.asks_factor:
        return False
    if has_factor:
        return passed is None
    return person.role is AccountRole.ADMINISTRATOR and settings.administrators_need_factor


def _note(request: Request, session: Session, token: str) -> None:
    """Tell the pages who asks."""
    request.state.person, request.state.csrf = session.person, tokens.csrf_of(token)
    settings = request.app.state.desk.settings
    request.state.session = session
    if not is_half(settings, session):
        request.state.notices = session.notices
        request.state.navigation = entries_of(session.person, settings.has_try)


def _is_by_itself(request: Request) -> bool:
    return request.method in _SAFE and BY_ITSELF_HEADER in request.headers


def _desk_and_sessions(request: Request) -> tuple[Desk, Sessions]:
    return request.app.state.desk, request.app.state.sessions


async def _check_csrf(request: Request) -> None:
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        value = (await request.form()).get(CSRF_FIELD)
        given = value if isinstance(value, str) else ""
    if not hmac.compare_digest(given.encode(), request.state.csrf.encode()):
        raise DeskError(403, _OUTDATED)


SessionsDep = Annotated[Sessions, part("sessions")]
Anybody = Annotated[SignedIn, Depends(Needs(Permission.SIGNED_IN))]
HalfSignedIn = Annotated[SignedIn, Depends(Needs(Permission.SIGNED_IN, half=True))]
"""For the second factor itself."""
OperatorDep = Annotated[SignedIn, Depends(Needs(Permission.TAKE_CALLS))]
OperatorStillThere = Annotated[SignedIn, Depends(Needs(Permission.TAKE_CALLS, background=True))]
"""For what pages ask by themselves: it does not keep a session from ending."""
SupervisorDep = Annotated[SignedIn, Depends(Needs(Permission.SUPERVISE))]
SupervisorStillThere = Annotated[SignedIn, Depends(Needs(Permission.SUPERVISE, background=True))]
"""As `OperatorStillThere`."""
VisitorDep = Annotated[SignedIn, Depends(Needs(Permission.TRY_LINE))]
VisitorStillThere = Annotated[SignedIn, Depends(Needs(Permission.TRY_LINE, background=True))]
"""As `OperatorStillThere`."""
AdministratorDep = Annotated[SignedIn, Depends(Needs(Permission.ADMINISTER))]
AdministratorStillThere = Annotated[SignedIn, Depends(Needs(Permission.ADMINISTER, background=True))]
"""As `OperatorStillThere`."""
