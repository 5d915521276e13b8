"""The control API's part about case files. A change names the version that it is based on; all are in the audit."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Path

from db.enums import CaseState
from db.references import format_reference, is_valid, normalize
from ivr.api.case_models import (
    Case,
    CaseChange,
    CaseColumns,
    CaseKept,
    CaseMessageRow,
    CaseNoteRow,
    CaseNoteText,
    CaseOpened,
    CaseOpening,
    CasePin,
)
from ivr.api.context import Actor, ControllerDep
from ivr.api.problems import ApiError, FieldError, documented, present
from ivr.api.router import make_router
from ivr.cases import case_changes, pin
from ivr.cases.case_repository import CaseContent, UnknownCaseError
from ivr.cases.case_rules import CaseError, CaseRules, missing_words, note_text
from ivr.cases.casework import NotKeptError, new_reference
from ivr.controller.controller import Controller
from ivr.model import clock

router = make_router("cases", "/cases")

Reference = Annotated[
    str, Path(alias="reference", max_length=20, description="Nine digits, such as 123456789 or 123-456-789.")
]
_COLUMNS = frozenset(CaseColumns.model_fields)


@router.post("", status_code=201, responses=documented(503))
async def open_case(controller: ControllerDep, actor: Actor, opening: CaseOpening) -> CaseOpened:
    """Open a case under a new reference, whose applicant can ask for its state by telephone."""
    now = clock.now()
    columns = {"kind": opening.kind, "state": CaseState.OPEN} | _named(opening)
    checked = _checked(controller, columns, now)
    site = controller.site
    url = controller.settings.database_url(site.database.url)
    try:  # in a thread: the stock of references is on disk, under another process's lock
        reference = await asyncio.to_thread(new_reference, controller.settings, site.node, site.node_number, url)
    except NotKeptError as error:
        raise ApiError(503, str(error)) from None
    code, pin_hash = await asyncio.to_thread(_new_pin, controller.credentials.pin_pepper)
    rows = case_changes.opening_rows(reference, checked, pin_hash, actor, now)
    controller.cases.put(reference, rows)
    (_, file), *_ = rows
    return CaseOpened(reference=reference, version=case_changes.version_of(file), pin=code)


@router.get("/{reference}", responses=documented(404, 503))
async def case(controller: ControllerDep, reference: Reference) -> Case:
    """Return a case with its notes and messages, oldest first."""
    digits = _digits(reference)
    return _case(present(await _read(controller, digits), controller.cases.why))


@router.patch("/{reference}", responses=documented(404, 409))
async def change(controller: ControllerDep, actor: Actor, reference: Reference, wanted: CaseChange) -> CaseKept:
    """Change a case.

    409 with `code` `case_changed` and the present `case` if it is no longer the version that the change is based on.
    """
    digits, now = _digits(reference), clock.now()
    async with controller.cases.alone(digits):
        content = await _read(controller, digits)
        if content is None:
            return _unread(controller, actor, digits, wanted, now)
        if wanted.version != content.version:
            sentence = f"Case {format_reference(digits)} has been changed meanwhile; compare, then change it again."
            raise ApiError(409, sentence, "case_changed", _case(content))
        columns = _checked(controller, _differing(content, _named(wanted)), now)
        new = {name: value for name, value in columns.items() if content.file[name] != value}
        if new:
            controller.cases.put(digits, case_changes.change_rows(content.file, new, actor, now, wanted.why.strip()))
        return CaseKept(reference=digits, version=case_changes.version_of({**content.file, **new}))


@router.post("/{reference}/notes", status_code=201, responses=documented(404))
async def note(controller: ControllerDep, actor: Actor, reference: Reference, written: CaseNoteText) -> CaseKept:
    """Add a note to a case. Notes never collide, so no version is needed."""
    digits, now = _digits(reference), clock.now()
    try:
        text = note_text(written.text)
    except CaseError as error:
        raise _invalid(error) from None
    async with controller.cases.alone(digits):
        content = await _read(controller, digits)
        call = str(written.call) if written.call is not None else None
        rows = case_changes.note_rows(digits, text, actor, now, note=written.id, call=call)
        controller.cases.put(digits, rows)
    return CaseKept(reference=digits, version=content.version if content is not None else None)


@router.post("/{reference}/pin", responses=documented(404, 503))
async def new_pin(controller: ControllerDep, actor: Actor, reference: Reference) -> CasePin:
    """Give a case a new PIN; a lock of the case ends."""
    digits = _digits(reference)
    async with controller.cases.alone(digits):
        present(await _read(controller, digits), controller.cases.why)
        code, pin_hash = await asyncio.to_thread(_new_pin, controller.credentials.pin_pepper)
        controller.cases.put(digits, case_changes.new_pin_rows(digits, pin_hash, actor, clock.now()))
    return CasePin(reference=digits, pin=code)


def _new_pin(pepper: str) -> tuple[str, str]:
    code = pin.new()
    return code, pin.hash_pin(code, pepper)


def _unread(controller: Controller, actor: str, digits: str, wanted: CaseChange, now: datetime) -> CaseKept:
    """Keep a change of a case that cannot be read."""
    columns = _checked(controller, _named(wanted), now)
    if columns:
        known = {"reference": digits, **controller.cases.kept(digits)}
        controller.cases.put(digits, case_changes.change_rows(known, columns, actor, now, wanted.why.strip()))
    return CaseKept(reference=digits, version=None)


def _digits(reference: str) -> str:
    if not is_valid(reference):
        sentence = f"{reference!r} is not a reference: it has nine digits, the last of which checks the others."
        raise ApiError(404, sentence)
    return normalize(reference)


async def _read(controller: Controller, digits: str) -> CaseContent | None:
    """Return a case; None if the database is away."""
    try:
        return await controller.cases.read(digits)
    except UnknownCaseError as error:
        raise ApiError(404, str(error)) from None


def _named(columns: CaseColumns) -> dict[str, Any]:
    """Return the columns that a request names."""
    return columns.model_dump(include={*_COLUMNS & columns.model_fields_set})


def _differing(content: CaseContent, named: dict[str, Any]) -> dict[str, Any]:
    """Return what differs from the case, so that a day that has passed may stay in a form that is sent again."""
    shown = _case(content)
    return {name: value for name, value in named.items() if getattr(shown, name) != value}


def _checked(controller: Controller, columns: dict[str, Any], now: datetime) -> dict[str, Any]:
    rules = CaseRules(
        languages=controller.site.languages,
        operators=[operator.id for operator in controller.operators],
        missing=missing_words(controller.flows.current.sounds.ids),
        zone=ZoneInfo(controller.site.hours.timezone),
    )
    try:
        return rules.check(columns, now)
    except CaseError as error:
        raise _invalid(error) from None


def _invalid(error: CaseError) -> ApiError:
    sentence = str(error)
    sentence = sentence[:1].upper() + sentence[1:]
    errors = [FieldError(location=f"body.{error.column}", detail=sentence)] if error.column is not None else None
    return ApiError(422, sentence, errors=errors)


def _case(content: CaseContent) -> Case:
    file = content.file
    same = set(Case.model_fields) - {"version", "missing", "call", "pin", "notes", "messages"}
    return Case(
        **{name: file[name] for name in same},
        version=content.version,
        missing=[word for word in (file["missing"] or "").split(",") if word],
        call=str(file["call_id"]) if file["call_id"] is not None else None,
        pin=bool(file["pin"]),
        notes=[
            CaseNoteRow(
                at=row["at"],
                author=row["author"],
                text=row["text"],
                call=str(row["call_id"]) if row["call_id"] is not None else None,
            )
            for row in content.notes
        ],
        messages=[
            CaseMessageRow(
                seconds=row["duration_ms"] / 1000 if row["duration_ms"] is not None else None,
                **{name: row[name] for name in set(CaseMessageRow.model_fields) - {"seconds"}},
            )
            for row in content.messages
        ],
    )
