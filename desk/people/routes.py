"""Signing in and out, one's own account, and the people of the desk."""

import contextlib
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from background.address_limit import group_of
from db.engine import DatabaseError
from db.enums import AccountRole, PassedBy
from desk.context import Desk, DeskDep, part
from desk.control import ControlError
from desk.page import texts
from desk.page.errors import DeskError
from desk.page.pages import LANGUAGE_COOKIE, THEME_COOKIE, THEMES
from desk.page.texts import N_
from desk.people import accounts, devices, factors, links, tokens
from desk.people.accounts import Person
from desk.people.browsers import name_of
from desk.people.links import UsedLink
from desk.people.notices import Notice, latest, note_told
from desk.people.passwords import BusyError, Passwords
from desk.people.policy import Permission, may
from desk.people.qr import qr_svg
from desk.people.refusals import Refusals
from desk.people.sessions import LONGEST, ChangedError, OpenSession
from desk.people.signed_in import (
    FACTOR_PAGE,
    AdministratorDep,
    Anybody,
    HalfSignedIn,
    SessionsDep,
    SignedIn,
    cookie_name,
    lacks_factor,
    public,
)
from desk.people.slow_down import Attempts, Place
from desk.people.source_limit import SourceLimit

log = structlog.get_logger()

router = APIRouter()

YEAR_S = 365 * 24 * 3600

Account = Annotated[str, Form(max_length=100)]
Password = Annotated[str, Form(max_length=1000)]
Next = Annotated[str, Form(alias="next", max_length=500)]
Token = Annotated[str, Path(max_length=100)]


PasswordsDep = Annotated[Passwords, part("passwords")]
LimitDep = Annotated[SourceLimit, part("source_limit")]
AttemptsDep = Annotated[Attempts, part("attempts")]
RefusalsDep = Annotated[Refusals, part("refusals")]

_BUSY = N_("Many people are signing in; try again in a moment.")
_TOO_MANY = N_("Too many attempts. Wait a few minutes, then try again.")


@router.get("/", dependencies=[Depends(public)])
async def home(request: Request) -> Response:
    """Lead to a person's own first page."""
    return _lead(home_of(getattr(request.state, "person", None)))


def home_of(person: Person | None) -> str:
    """Return the first page of a person."""
    if person is None:
        return "/sign-in"
    if may(person, Permission.TAKE_CALLS):
        return "/shift"
    if person.role is AccountRole.VISITOR:
        return "/try"
    return "/people" if may(person, Permission.ADMINISTER) else "/account"


@router.get("/sign-in", dependencies=[Depends(public)])
async def sign_in_page(
    request: Request, desk: DeskDep, to: Annotated[str, Query(alias="next", max_length=500)] = ""
) -> Response:
    """Ask for an account and its password."""
    if getattr(request.state, "person", None) is not None:
        return _lead(local(to) or home_of(request.state.person))
    return desk.pages.respond(request, "people/sign_in.html", account="", to=local(to), problem=None)


@router.post("/sign-in", dependencies=[Depends(public)])
async def sign_in(
    request: Request,
    desk: DeskDep,
    sessions: SessionsDep,
    passwords: PasswordsDep,
    limit: LimitDep,
    attempts: AttemptsDep,
    refusals: RefusalsDep,
    account: Account = "",
    password: Password = "",
    to: Next = "",
) -> Response:
    """Sign in with a password."""
    now, name = desk.now(), account.strip().lower()
    place = devices.place_of(request, desk.settings, name)
    problem, status = N_("The account or the password is not right."), 422
    if (not place.is_known and not limit.may_try(place.origin, now)) or not attempts.begin(place, now):
        log.warning("too many sign-ins", source=place.origin)
        problem, status = _TOO_MANY, 429
    else:
        try:
            person, password_hash = await accounts.to_check(desk.engine, name)
            is_right = await passwords.matches(password, password_hash)
        except (BusyError, DatabaseError) as error:
            attempts.was_not_checked(place, now)
            if isinstance(error, DatabaseError):
                raise
            raise DeskError(503, _BUSY) from None
        if person is not None and is_right:
            attempts.was_right(place)
            with contextlib.suppress(ChangedError):  # as if it had changed before
                return await _signed_in(request, desk, sessions, person, local(to), password_hash=password_hash)
        if not place.is_known:
            limit.failed(place.origin, now)
        log.info("sign-in refused", source=place.origin)
    await refusals.note(desk.engine, name, _source(request), now)
    problem = desk.pages.language_of(request).text(problem)
    return desk.pages.respond(request, "people/sign_in.html", status, account=account, to=local(to), problem=problem)


@router.post("/sign-out")
async def sign_out(desk: DeskDep, sessions: SessionsDep, signed_in: HalfSignedIn) -> Response:
    """End this browser's session."""
    await sessions.end(signed_in.token, signed_in.person, desk.now())
    if signed_in.person.operator is not None:
        path = f"/operators/{quote(signed_in.person.operator, safe='')}/web_telephone?holder={signed_in.mark}"
        with contextlib.suppress(ControlError):  # the line is away: the password ends by itself
            await desk.control.ask("DELETE", path, signed_in.person.id)
    answer = _lead("/sign-in")
    answer.delete_cookie(cookie_name(desk.settings), path="/", secure=desk.settings.is_encrypted, httponly=True)
    return answer


@router.get("/link/{token}", dependencies=[Depends(public)])
async def link_page(request: Request, desk: DeskDep, token: Token) -> Response:
    """Ask whether to sign in. The link is not used yet: mail programs open links before people do."""
    person = await links.find_link(desk.engine, token, desk.now())
    status = 200 if person is not None else 410
    return desk.pages.respond(request, "people/link.html", status, token=token, name=person.name if person else None)


@router.post("/link/{token}", dependencies=[Depends(public)])
async def use_link(
    request: Request, desk: DeskDep, sessions: SessionsDep, limit: LimitDep, refusals: RefusalsDep, token: Token
) -> Response:
    """Sign in with a one-time link."""
    now, source = desk.now(), group_of(_source(request))
    if not limit.may_try(source, now):
        raise DeskError(429, _TOO_MANY)
    link = await links.use_link(desk.engine, token, now)
    if link is not None:
        sessions.forget()
        to = "" if link.person.has_password else "/account?first=1"
        with contextlib.suppress(ChangedError):  # as if it had changed before
            return await _signed_in(request, desk, sessions, link.person, to, link)
    limit.failed(source, now)
    await refusals.note(desk.engine, None, _source(request), now)
    return desk.pages.respond(request, "people/link.html", 410, token=token, name=None)


@router.get("/session")
async def session(request: Request, signed_in: Anybody) -> Response:
    """Tell an open page whose session this browser has now, and the token for its changes.

    A page whose person is at work on it asks as well, which is use: it may be long until they send a form.
    """
    found = {"account": signed_in.person.id, "csrf": request.state.csrf}
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


@router.get("/account")
async def account_page(
    request: Request, desk: DeskDep, signed_in: Anybody, first: Annotated[bool, Query()] = False
) -> Response:
    """Show a person's own account: password, sessions, language, appearance."""
    return await _account(request, desk, signed_in, first=first)


@router.post("/account/sessions/end")
async def end_session(
    desk: DeskDep, sessions: SessionsDep, signed_in: Anybody, key: Annotated[str, Form(pattern="^[0-9a-f]*$")] = ""
) -> Response:
    """End one of the person's other sessions, or all of them."""
    if _has_own_sessions(signed_in.person):
        ended = await sessions.end_of(signed_in.person, signed_in.token, desk.now(), key or None)
        log.info("sessions ended", account=signed_in.person.id, sessions=ended)
    return _lead("/account#sessions")


@router.post("/account/told")
async def told(desk: DeskDep, sessions: SessionsDep, signed_in: Anybody, to: Next = "") -> Response:
    """Note that the person has read what is new about their account."""
    session = signed_in.session
    await note_told(desk.engine, signed_in.person.id, session.link, session.created, desk.now())
    sessions.forget()
    return _lead(local(to) or "/")


@router.post("/account/password")
async def change_password(
    request: Request,
    desk: DeskDep,
    sessions: SessionsDep,
    passwords: PasswordsDep,
    attempts: AttemptsDep,
    signed_in: Anybody,
    password: Password = "",
    again: Password = "",
    current: Password = "",
    first: Annotated[bool, Form()] = False,
) -> Response:
    """Choose a password. A person who has one must know it."""
    person, errors = signed_in.person, dict[str, str]()
    try:
        if person.has_password:
            errors |= await _check_present(desk, passwords, attempts, signed_in, current)
        if (why := await passwords.refusal(password, person.id, person.name)) is not None:
            errors["password"] = why
        elif password != again:
            errors["again"] = N_("The two are not the same.")
        if errors:
            status = 429 if _TOO_MANY in errors.values() else 422
            return await _account(request, desk, signed_in, first=first, errors=errors, status=status)
        password_hash = await passwords.hash(password)
    except BusyError:
        raise DeskError(503, _BUSY) from None
    keep = tokens.hash_of(signed_in.token)
    await accounts.set_password(desk.engine, person.id, password_hash, keep, desk.now())
    sessions.forget()
    log.info("password changed", account=person.id)
    return _lead(home_of(person)) if first else _lead("/account?changed=1")


@router.post("/preferences", dependencies=[Depends(public)])
async def preferences(
    request: Request,
    desk: DeskDep,
    sessions: SessionsDep,
    language: Annotated[str, Form(max_length=10)] = "",
    theme: Annotated[str, Form(max_length=10)] = "",
    to: Annotated[str, Form(alias="next", max_length=500)] = "",
) -> Response:
    """Change language and appearance, for this browser and for whoever is signed in."""
    answer = _lead(local(to) or "/")
    if language in texts.LANGUAGES:
        _set(answer, desk, LANGUAGE_COOKIE, language)
        person = getattr(request.state, "person", None)
        if person is not None:
            await accounts.set_language(desk.engine, person.id, language)
            sessions.forget()
    if theme in THEMES or theme == "system":
        _set(answer, desk, THEME_COOKIE, theme)
    return answer


@router.get("/people")
async def people(request: Request, desk: DeskDep, administrator: AdministratorDep) -> Response:
    """List the accounts."""
    return await _people(request, desk, None)


@router.post("/people/{account}/link")
async def new_link(
    request: Request, desk: DeskDep, administrator: AdministratorDep, account: Annotated[str, Path(max_length=40)]
) -> Response:
    """Make a one-time link for somebody, to be shown to them."""
    person = await accounts.find(desk.engine, account)
    if person is None or not person.may_sign_in:
        raise DeskError(404, N_("There is no such account."))
    by = administrator.person.id
    url = f"{desk.settings.url}/link/{await links.make_link(desk.engine, account, desk.now(), by)}"
    log.info("one-time link made", account=account, by=by)
    link = {"name": person.name, "url": url, "picture": qr_svg(url), "minutes": int(links.VALID.total_seconds() / 60)}
    return await _people(request, desk, link)


def local(path: str) -> str:
    """Return a path of this desk as it is, and anything else as nothing: nobody may be led to another site."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if is_local else ""


async def _signed_in(
    request: Request,
    desk: Desk,
    sessions: SessionsDep,
    person: Person,
    to: str,
    link: UsedLink | None = None,
    password_hash: str | None = None,
) -> Response:
    """Begin a session and lead to a page. Raises ChangedError, DatabaseError."""
    source = _source(request)
    noted = {"way": "link", "made_by": link.made_by or "the server"} if link is not None else {"way": "password"}
    notice = link.notice if link is not None else None
    passed = PassedBy.SERVER if link is not None and link.made_by is None else None
    has_factor = desk.settings.asks_factor and await factors.has(desk.engine, person.id)
    half = lacks_factor(desk.settings, person, passed, has_factor=has_factor)
    token = await sessions.begin(
        person, desk.now(), notice, {**noted, "source": source}, password_hash,
        source=source, user_agent=request.headers.get("user-agent"), passed=passed, lacks_factor=half,
    )  # fmt: skip
    log.info("signing in, without the second factor yet" if half else "signed in", account=person.id, source=source)
    to = to or home_of(person)
    answer = _lead(f"{FACTOR_PAGE}?next={quote(to)}" if half else to)
    answer.set_cookie(
        cookie_name(desk.settings),
        token,
        max_age=int(LONGEST.total_seconds()),
        path="/",
        secure=desk.settings.is_encrypted,
        httponly=True,
        samesite="strict",
    )
    if not half:  # the password alone, which another may have learned, makes no device known
        devices.remember(answer, desk.settings, person.id)
    return answer


async def _check_present(
    desk: Desk, passwords: Passwords, attempts: Attempts, signed_in: SignedIn, current: str
) -> dict[str, str]:
    """Return what is wrong with the present password, by its field. Raises BusyError, DatabaseError."""
    account, now = signed_in.person.id, desk.now()
    place = Place(account, f"session {signed_in.mark}", is_known=True)
    if not attempts.begin(place, now):
        return {"current": _TOO_MANY}
    try:
        _, password_hash = await accounts.to_check(desk.engine, account)
        is_right = await passwords.matches(current, password_hash)
    except (BusyError, DatabaseError):
        attempts.was_not_checked(place, now)
        raise
    if not is_right:
        return {"current": N_("That is not your present password.")}
    attempts.was_right(place)
    return {}


def _has_own_sessions(person: Person) -> bool:
    """Return whether the sessions of an account are one person's; visitors may share theirs."""
    return person.role is not AccountRole.VISITOR


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


async def _people(request: Request, desk: Desk, link: dict[str, object] | None) -> Response:
    found, holders = await accounts.list_people(desk.engine), await factors.holders(desk.engine)
    return desk.pages.respond(request, "people/people.html", people=found, holders=holders, link=link)


async def _account(
    request: Request,
    desk: Desk,
    signed_in: SignedIn,
    *,
    first: bool,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    person = signed_in.person
    notices: Sequence[Notice] = ()
    open_: Sequence[OpenSession] = ()
    with contextlib.suppress(DatabaseError):  # the page is of use without them
        notices = await latest(desk.engine, person.id)
        if _has_own_sessions(person):
            open_ = await request.app.state.sessions.open_of(person, signed_in.token)
    return desk.pages.respond(
        request,
        "people/account.html",
        status,
        home=home_of(person),
        first=first,
        errors=errors or {},
        changed="changed" in request.query_params,
        latest=notices,
        has_factor=request.state.session.has_factor,
        is_asked=desk.settings.asks_factor,
        sessions=open_,
        browser_name=name_of,
    )


def _set(answer: Response, desk: Desk, name: str, value: str) -> None:
    answer.set_cookie(name, value, YEAR_S, path="/", secure=desk.settings.is_encrypted, samesite="lax", httponly=True)


def _lead(to: str) -> RedirectResponse:
    return RedirectResponse(to, 303, {"Cache-Control": "no-store"})
