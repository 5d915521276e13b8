"""The pages of the site's numbers: the list, and one number with what a caller from there gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Response

from desk.page.texts import N_
from desk.site import numbers
from desk.site.changing import RefusedError, Room, typed
from desk.site.numbers import AT_ONCE, WHEN_NEEDED, Number, Wanted
from desk.site.routes import RoomDep

router = APIRouter(prefix="/site/numbers")

Asked = Annotated[str | None, Query(max_length=500)]
Typed = Annotated[str, Form(max_length=100)]

_GONE = N_("The site has no number %(number)s any more.")
_MEANWHILE = N_("Somebody has changed this number while you were typing. Look at its values, and change them again.")


@dataclass(frozen=True, slots=True)
class Filled:
    """The form's content: the values as they are or as they were typed, and the mistakes in them."""

    wanted: Wanted
    mark: str = ""
    errors: Mapping[str, str] | None = None
    problem: str = ""


@router.get("")
async def listed(room: RoomDep) -> Response:
    """List the numbers."""
    try:
        site = await room.site()
        found, problem = numbers.read(site), ""
    except RefusedError as error:
        site, found, problem = {}, [], str(error)
    languages = {row.number: numbers.in_order(site, row.languages) for row in found}
    return room.page("numbers.html", numbers=found, languages=languages, problem=problem, when_needed=WHEN_NEEDED)


@router.get("/new")
async def new(
    room: RoomDep, number: Asked = None, country: Asked = None, answer: Asked = None, languages: Asked = None
) -> Response:
    """Show the form of a new number; the arguments are what was typed already."""
    wanted = _wanted(number, country, answer, languages)
    try:
        site = await room.site()
    except RefusedError as error:
        return await _form(room, None, {}, Filled(wanted, problem=str(error)))
    if languages is None:
        wanted = Wanted(wanted.number, wanted.country, wanted.answer, tuple(numbers.languages_of(site, None)))
    return await _form(room, None, site, Filled(wanted))


@router.get("/one")
async def one(
    room: RoomDep,
    of: Annotated[str, Query(max_length=40)] = "",
    number: Asked = None,
    country: Asked = None,
    answer: Asked = None,
    languages: Asked = None,
) -> Response:
    """Show a number; the arguments but the first are what was typed already."""
    try:
        site = await room.site()
        found = _find(room, site, of)
    except RefusedError as error:
        return await _form(
            room, None, {}, Filled(_wanted(number or of, country, answer, languages), problem=str(error))
        )
    wanted = Wanted(found.number, found.country or "", found.answer, found.languages)
    if number is not None:
        wanted = _wanted(number, country, answer, languages)
    return await _form(room, found, site, Filled(wanted, found.mark))


@router.post("")
async def save(
    room: RoomDep,
    of: Typed = "",
    mark: Typed = "",
    number: Typed = "",
    country: Typed = "",
    answer: Typed = AT_ONCE,
) -> Response:
    """Make the change that adds a number, or changes the one named `of`."""
    form = await room.request.form()
    chosen = [form.get(f"language_{place}") for place in range(1, 41)]
    languages = tuple(code for code in chosen if isinstance(code, str) and code)
    known = answer if answer in (AT_ONCE, WHEN_NEEDED) else AT_ONCE
    wanted = Wanted(numbers.plain(number), country, known, languages)
    former: Number | None = None
    site: Mapping[str, Any] = {}
    try:
        site = await room.site()
        former = _find(room, site, of) if of else None
        if former is not None and former.mark != mark:
            return await _form(room, former, site, Filled(wanted, former.mark, problem=room.text(_MEANWHILE)), 409)
        if problems := numbers.problems_of(wanted, former, numbers.read(site)):
            errors = {field: room.text(text, **values) for field, (text, values) in problems.items()}
            return await _form(room, former, site, Filled(wanted, mark, errors))
        title = f"Number {wanted.number} is {'changed' if former else 'added'}"
        return await room.make(title, numbers.edits_of(site, wanted, former), _back(of, wanted))
    except RefusedError as error:
        return await _form(room, former, site, Filled(wanted, mark, problem=str(error)))


@router.post("/remove")
async def remove(room: RoomDep, of: Typed = "") -> Response:
    """Make the change that removes a number."""
    try:
        site = await room.site()
        found = _find(room, site, of)
        back = f"/site/numbers/one?of={quote(of)}"
        return await room.make(f"Number {of} is removed", numbers.edits_without(found), back)
    except RefusedError as error:
        empty = Wanted(of, "", AT_ONCE, ())
        return await _form(room, None, {}, Filled(empty, problem=str(error)))


def _find(room: Room, site: Mapping[str, Any], number: str) -> Number:
    found = next((row for row in numbers.read(site) if row.number == number), None)
    if found is None:
        raise RefusedError(room.text(_GONE, number=number))
    return found


async def _form(room: Room, number: Number | None, site: Mapping[str, Any], form: Filled, status: int = 0) -> Response:
    """Show a form with what is wrong. `number`: None for a new one."""
    gets = None
    if number is not None:
        try:
            gets = await room.ask("GET", f"/hours?line={quote(number.number)}")
        except RefusedError:
            gets = None  # the line is away, or runs without this number yet
    return room.page(
        "number.html",
        status or (422 if form.errors or form.problem else 200),
        form=form,
        number=number,
        codes=numbers.in_order(site, ()) or list(room.desk.settings.languages),
        heard=numbers.in_order(site, number.languages) if number is not None else [],
        gets=gets,
        countries=room.desk.pages.language_of(room.request).countries,
        at_once=AT_ONCE,
        when_needed=WHEN_NEEDED,
    )


def _wanted(number: str | None, country: str | None, answer: str | None, languages: str | None) -> Wanted:
    return Wanted(number or "", country or "", answer or AT_ONCE, tuple((languages or "").split()))


def _back(of: str, wanted: Wanted) -> str:
    values = {"of": of, "number": wanted.number, "country": wanted.country, "answer": wanted.answer}
    return typed(f"/site/numbers/{'one' if of else 'new'}", {**values, "languages": " ".join(wanted.languages)})
