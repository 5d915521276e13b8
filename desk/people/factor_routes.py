"""The second factor: its code at the sign-in, setting it up, and removing one's own or a colleague's."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from db.engine import DatabaseError
from db.enums import PassedBy
from desk.context import Desk, DeskDep, part
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people import accounts, devices, factors, tokens
from desk.people.accounts import VISITOR
from desk.people.factors import Verdict
from desk.people.qr import qr_svg
from desk.people.routes import LimitDep, Next, RefusalsDep, home_of, local
from desk.people.signed_in import AdministratorDep, Anybody, HalfSignedIn, SessionsDep, SignedIn, is_half
from desk.people.slow_down import Attempts, Place

log = structlog.get_logger()

router = APIRouter()

Code = Annotated[str, Form(max_length=40)]
CodeAttemptsDep = Annotated[Attempts, part("code_attempts")]

_WRONG = N_("This code is not right. Wait for the next one, and check the clock of your telephone.")
_AGAIN = N_("This code was used before. Wait for the next one.")
_TOO_MANY = N_("Too many attempts. Wait a few minutes, then try again.")


@router.get("/sign-in/factor")
async def factor_page(
    request: Request,
    desk: DeskDep,
    signed_in: HalfSignedIn,
    to: Annotated[str, Query(alias="next", max_length=500)] = "",
) -> Response:
    """Ask for a code, or offer a factor to somebody who has none."""
    if not signed_in.session.has_factor:
        return _offer(request, desk, signed_in, to)
    if not is_half(desk.settings, signed_in.session):
        return _lead(local(to) or "/account")
    return _ask(request, desk, to)


@router.post("/sign-in/factor")
async def give_code(
    request: Request,
    desk: DeskDep,
    sessions: SessionsDep,
    limit: LimitDep,
    attempts: CodeAttemptsDep,
    refusals: RefusalsDep,
    signed_in: HalfSignedIn,
    code: Code = "",
    to: Next = "",
) -> Response:
    """End a sign-in with a code."""
    session, person, now = signed_in.session, signed_in.person, desk.now()
    if not session.has_factor or not is_half(desk.settings, session):  # a second click, or it was removed just now
        return _lead(local(to) or home_of(person))
    place, source = devices.place_of(request, desk.settings, person.id), _source(request)
    problem, status = _TOO_MANY, 429
    if (place.is_known or limit.may_try(place.origin, now)) and attempts.begin(place, now):
        try:
            key, token_hash = desk.settings.factor_key, tokens.hash_of(signed_in.token)
            verdict = await factors.sign_in(desk.engine, key, person.id, token_hash, code, now, source)
        except DatabaseError:
            attempts.was_not_checked(place, now)
            raise
        if verdict is Verdict.RIGHT:
            attempts.was_right(place)
            sessions.forget()
            log.info("signed in", account=person.id, source=source)
            answer = _lead(local(to) or home_of(person))
            devices.remember(answer, desk.settings, person.id)
            return answer
        if not place.is_known:
            limit.failed(place.origin, now)
        problem, status = _AGAIN if verdict is Verdict.AGAIN else _WRONG, 422
    log.info("code refused", account=person.id, source=source)
    await refusals.note(desk.engine, person.id, source, now, way="code")
    return _ask(request, desk, to, problem, status)


@router.post("/sign-in/factor/new")
async def set_up(
    request: Request,
    desk: DeskDep,
    sessions: SessionsDep,
    signed_in: HalfSignedIn,
    nonce: Annotated[str, Form(min_length=16, max_length=40)],
    code: Code = "",
    to: Next = "",
) -> Response:
    """Take the offered factor into use with its first code."""
    _refuse_visitor(signed_in)
    person, half = signed_in.person, is_half(desk.settings, signed_in.session)
    verdict = await factors.set_up(
        desk.engine, desk.settings.factor_key, person.id, tokens.hash_of(signed_in.token), nonce, code, desk.now(),
        _source(request) if half else None,
    )  # fmt: skip
    if verdict is Verdict.WRONG:
        return _offer(request, desk, signed_in, to, nonce, _WRONG, 422)
    sessions.forget()
    answer = _lead(local(to) or ("/account" if not half else home_of(person)))
    if verdict is Verdict.RIGHT:
        log.info("second factor set up", account=person.id)
        devices.remember(answer, desk.settings, person.id)
    return answer


@router.get("/account/factor")
async def removal_page(request: Request, desk: DeskDep, signed_in: Anybody) -> Response:
    """Ask for a code with which a person removes their own factor."""
    if not signed_in.session.has_factor:
        return _lead("/account")
    return _ask_removal(request, desk, signed_in)


@router.post("/account/factor")
async def remove_own(
    request: Request,
    desk: DeskDep,
    sessions: SessionsDep,
    attempts: CodeAttemptsDep,
    refusals: RefusalsDep,
    signed_in: Anybody,
    code: Code = "",
) -> Response:
    """Remove a person's own factor. Whom the server has let in needs no code: they may have lost it."""
    person, now, source = signed_in.person, desk.now(), _source(request)
    place = Place(person.id, f"session {signed_in.mark}", is_known=True)
    if not attempts.begin(place, now):
        return _ask_removal(request, desk, signed_in, _TOO_MANY, 429)
    key, token_hash = desk.settings.factor_key, tokens.hash_of(signed_in.token)
    given = code if _needs_code(signed_in) else None
    try:
        verdict = await factors.remove_own(desk.engine, key, person.id, token_hash, given, now, source)
    except DatabaseError:
        attempts.was_not_checked(place, now)
        raise
    if verdict is not Verdict.RIGHT:
        await refusals.note(desk.engine, person.id, source, now, way="code")
        return _ask_removal(request, desk, signed_in, _AGAIN if verdict is Verdict.AGAIN else _WRONG, 422)
    attempts.was_right(place)
    sessions.forget()
    log.info("second factor removed", account=person.id)
    return _lead("/account")


@router.post("/people/{account}/remove-factor")
async def remove(
    desk: DeskDep,
    sessions: SessionsDep,
    administrator: AdministratorDep,
    account: Annotated[str, Path(max_length=40)],
) -> Response:
    """Remove a colleague's factor, who has lost it."""
    by = administrator.person.id
    if account == by:
        raise DeskError(409, N_("Remove your own second factor on the page of your account."))
    if await accounts.find(desk.engine, account) is None:
        raise DeskError(404, N_("There is no such account."))
    if await factors.remove(desk.engine, account, desk.now(), by):
        sessions.forget()
        log.info("second factor removed", account=account, by=by)
    return _lead("/people")


def _ask(request: Request, desk: Desk, to: str, problem: str | None = None, status: int = 200) -> Response:
    return desk.pages.respond(request, "people/factor_code.html", status, to=local(to), problem=problem)


def _offer(
    request: Request,
    desk: Desk,
    signed_in: SignedIn,
    to: str,
    nonce: str | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    _refuse_visitor(signed_in)
    settings, token_hash = desk.settings, tokens.hash_of(signed_in.token)
    issuer = settings.site_name or "Hatif"
    offered = factors.offer(settings.factor_key, signed_in.person.id, token_hash, issuer, nonce)
    return desk.pages.respond(
        request,
        "people/factor_new.html",
        status,
        offered=offered,
        picture=qr_svg(offered.url),
        half=is_half(settings, signed_in.session),
        to=local(to),
        problem=problem,
    )


def _ask_removal(
    request: Request, desk: Desk, signed_in: SignedIn, problem: str | None = None, status: int = 200
) -> Response:
    needs = _needs_code(signed_in)
    return desk.pages.respond(request, "people/factor_removal.html", status, needs_code=needs, problem=problem)


def _needs_code(signed_in: SignedIn) -> bool:
    return signed_in.session.passed is not PassedBy.SERVER


def _refuse_visitor(signed_in: SignedIn) -> None:
    """Newcomers share that account, and must not shut each other out."""
    if signed_in.person.id == VISITOR:
        raise DeskError(404, N_("This account is shared: it has no second factor."))


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


def _lead(to: str) -> RedirectResponse:
    return RedirectResponse(to, 303, {"Cache-Control": "no-store"})
