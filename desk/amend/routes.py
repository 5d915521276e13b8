"""The living guide: texts side by side, amendments that another person releases, and what callers ask."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request, Response

from db.engine import DatabaseError
from db.rows import NotFoundError
from desk.amend import amendments, questions
from desk.amend.amendments import Amendment
from desk.amend.library import Library, TextRow
from desk.amend.speech import Speech
from desk.context import DeskDep, part
from desk.control import ControlError, actor_of, note_changed
from desk.page.errors import NO_SECOND, DeskError
from desk.page.texts import N_
from desk.people.names import names_by_actor
from desk.people.policy import Permission
from desk.people.signed_in import Needs, SignedIn
from office import amendments as office_amendments
from office import guide as office_guide
from office.amendments import AmendmentError
from prompts import vowels

router = APIRouter(prefix="/amend")

_NO_PROCEDURE = N_("The guide has no such procedure.")
_NOTHING = N_("Change a text first: callers hear these words already.")
_OWN = N_("You have proposed this amendment: another person releases or refuses it.")
_FASTER = N_("Somebody else has just decided about this amendment.")
_WHY = N_("Write why you refuse it: whoever proposed it reads that.")
_MEANWHILE = N_("The same words were changed again since then; propose an amendment with the former words instead.")
_UNWRITABLE = N_("The site's files cannot be changed on this machine: %(why)s")
_NO_SOUND = N_("This text was spoken too long ago; listen to it again.")
_CODES = {"own": _OWN, "let_in": NO_SECOND, "taken": _FASTER, "changed_meanwhile": _MEANWHILE, "nothing": _NOTHING}

_FIELD = "text:"
_LONGEST = 1000

ProcedureId = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,40}$")]
LibraryDep = Annotated[Library, part("library")]
SpeechDep = Annotated[Speech, part("speech")]
SupervisorDep = Annotated[SignedIn, Depends(Needs(Permission.SUPERVISE))]


@dataclass(frozen=True, slots=True)
class _Summary:
    """A procedure in the list."""

    id: str
    title: str
    texts: int
    longest: float
    states: Mapping[str, list[str]]
    proposals: int


class _Room:
    """The parts that every page of this room needs. A dependency."""

    def __init__(self, request: Request, desk: DeskDep, library: LibraryDep, signed_in: SupervisorDep) -> None:
        self.request, self.desk, self.library, self.signed_in = request, desk, library, signed_in

    @property
    def account(self) -> str:
        return self.signed_in.person.id

    @property
    def own(self) -> str:
        """The language of the person's pages."""
        return self.desk.pages.language_of(self.request).code

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the control API in this person's name. Raises DeskError in their language for what they may meet."""
        try:
            return await self.desk.control.ask(method, path, self.account, body)
        except ControlError as error:
            if error.code in _CODES:
                raise DeskError(409, _CODES[error.code]) from None
            if error.code in ("not_writable", "git"):
                raise DeskError(409, _UNWRITABLE, why=error.detail) from None
            raise

    async def decide(self, decision: Awaitable[object]) -> None:
        """Make a change of the office's. Raises DeskError in the person's language for what they may meet."""
        try:
            await decision
        except AmendmentError as error:
            if error.code in _CODES:
                raise DeskError(409, _CODES[error.code]) from None
            raise
        except NotFoundError:
            raise HTTPException(404) from None
        note_changed()

    def page(self, template: str, **values: Any) -> Response:
        return self.desk.pages.respond(self.request, template, me=actor_of(self.account), title_of=self.title, **values)

    def title(self, rows: list[TextRow]) -> str:
        """Return the title of a procedure in the language of the page, as it is read."""
        cells = next((row.cells for row in rows if row.field == "title"), ())
        found = {cell.language: cell.text for cell in cells}
        return vowels.bare(found.get(self.own) or next(iter(found.values()), "")).rstrip(" ,،")


RoomDep = Annotated[_Room, Depends()]


@router.get("")
async def guide(room: RoomDep) -> Response:
    """Show all procedures: what lags behind, and what waits for a decision."""
    away = False
    try:
        latest = await amendments.read(room.desk.control, room.account)
    except ControlError:
        latest, away = [], True
    listed = [
        _summary(room, name, amendments.with_lag(rows, latest), latest)
        for name, rows in (await room.library.procedures()).items()
    ]
    waiting = [row for row in latest if row.state in ("proposed", "releasing")]
    titles = {row.id: row.title for row in listed}
    names = await names_by_actor(room.desk.engine) if waiting else {}
    return room.page("amend/guide.html", procedures=listed, waiting=waiting, titles=titles, names=names, away=away)


@router.get("/procedure/{procedure}")
async def procedure(room: RoomDep, procedure: ProcedureId) -> Response:
    """Show a procedure in all languages, with its amendments."""
    return await _procedure_page(room, procedure)


@router.post("/procedure/{procedure}")
async def propose(room: RoomDep, procedure: ProcedureId) -> Response:
    """Propose new texts; those that were not changed are left out."""
    rows = await _rows(room, procedure)
    form = await room.request.form()
    present = {(row.id, cell.language): cell.text for row in rows for cell in row.cells}
    texts: dict[str, dict[str, str]] = {}
    for name, value in form.items():
        text_id, _, language = name.removeprefix(_FIELD).rpartition(":")
        if not name.startswith(_FIELD) or not isinstance(value, str) or (text_id, language) not in present:
            continue
        written = " ".join(value.split())
        if written and written != present[text_id, language]:
            texts.setdefault(text_id, {})[language] = written[:_LONGEST]
    if not texts:
        raise DeskError(409, _NOTHING)
    heard, meaning = await room.library.heard(rows), form.get("wording") is None
    office, actor, why = room.desk.office, room.signed_in.actor, str(form.get("why") or "")
    await room.decide(office_amendments.propose(office, actor, procedure, texts, heard, meaning=meaning, why=why))
    return await _procedure_page(room, procedure, proposed=True)


@router.post("/say")
async def say(room: RoomDep, speech: SpeechDep) -> Response:
    """Speak the text of a field: the audio that callers hear, if it is unchanged."""
    form = await room.request.form()
    name, value = next(((key, value) for key, value in form.items() if key.startswith(_FIELD)), ("", ""))
    text_id, _, language = name.removeprefix(_FIELD).rpartition(":")
    text = " ".join(str(value).split())[:_LONGEST]
    if language not in room.desk.settings.languages or not text:
        raise DeskError(409, _NOTHING)
    clip = await room.library.clip(language, text_id)
    if clip is not None and clip[0].text == text:
        try:
            said = await speech.play(clip[1], clip[0].seconds)
            return room.page("amend/said.html", said=said, is_heard=True)
        except OSError:
            pass  # the audio is being built: the voice speaks it
    said = await speech.say(language, text)
    return room.page("amend/said.html", said=said, is_heard=False)


@router.get("/said/{token}")
async def said(_room: RoomDep, speech: SpeechDep, token: Annotated[str, Path(pattern=r"^[0-9a-z]{1,40}$")]) -> Response:
    """Return a text that was spoken."""
    found = speech.find(token)
    if found is None:
        raise DeskError(404, _NO_SOUND)
    return Response(found.wav, media_type="audio/wav", headers={"Cache-Control": "private, max-age=600"})


@router.get("/proposal/{amendment}")
async def proposal(room: RoomDep, amendment: UUID, back: UUID | None = None) -> Response:
    """Show an amendment as it is by now. `back`: the change that takes it back."""
    return await _proposal(room, amendment, back)


@router.post("/proposal/{amendment}")
async def decide(
    room: RoomDep,
    amendment: UUID,
    change: Annotated[Literal["release", "refuse", "withdraw", "take-back"], Form()],
    why: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Release, refuse or withdraw an amendment, or take a released one back."""
    office, actor = room.desk.office, room.signed_in.actor
    match change:
        case "refuse":
            if not why.strip():
                raise DeskError(409, _WHY)
            await room.decide(office_amendments.refuse(office, actor, amendment, why.strip()))
        case "withdraw":
            await room.decide(office_amendments.withdraw(office, actor, amendment))
        case _:
            by = {"name": room.signed_in.person.name}
            answer = await room.ask("POST", f"/guide/amendments/{amendment}/{change}", by)
            return await _proposal(room, amendment, UUID(answer["back"]) if answer.get("back") else None)
    return await _proposal(room, amendment, None)


@router.get("/questions")
async def asked(room: RoomDep) -> Response:
    """Show what callers ask and the guide does not answer."""
    return await _questions_page(room)


@router.post("/questions")
async def answered(
    room: RoomDep,
    question: Annotated[str, Form(min_length=1, max_length=300)],
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Note that a question was dealt with."""
    await office_guide.note_answered(room.desk.office, room.signed_in.actor, question, note)
    note_changed()
    return await _questions_page(room)


async def _questions_page(room: _Room) -> Response:
    found = await questions.questions(room.desk.engine, room.desk.now())
    titles = {name: room.title(rows) for name, rows in (await room.library.procedures()).items()}
    return room.page(
        "amend/questions.html", questions=found, titles=titles, names=await names_by_actor(room.desk.engine)
    )


async def _procedure_page(room: _Room, procedure: str, *, proposed: bool = False) -> Response:
    rows = await _rows(room, procedure)
    latest = await amendments.read(room.desk.control, room.account, procedure)
    rows = amendments.with_lag(rows, latest)
    return room.page(
        "amend/procedure.html",
        procedure=procedure,
        rows=rows,
        shown=[await amendments.shown(room.desk.control, room.account, row) for row in latest[:30]],
        helped=await _helped(room, latest[:10]),
        names=await names_by_actor(room.desk.engine),
        proposed=proposed,
        back=None,
        refused="",
        labels={row.id: row for row in rows},
    )


async def _proposal(room: _Room, identity: UUID, back: UUID | None) -> Response:
    found = amendments.parse(await room.ask("GET", f"/guide/amendments/{identity}"))
    change = await room.ask("GET", f"/site/changes/{back}") if back is not None and found.state == "released" else None
    refused = str(change["why"]) if change is not None and change["state"] == "refused" else ""
    rows = await _rows(room, found.procedure)
    return room.page(
        "amend/proposal.html",
        item=await amendments.shown(room.desk.control, room.account, found),
        helped=await _helped(room, [found]),
        names=await names_by_actor(room.desk.engine),
        labels={row.id: row for row in rows},
        back=back if change is not None and not refused else None,
        refused=refused,
    )


async def _helped(room: _Room, shown: list[Amendment]) -> dict[str, questions.Helped]:
    """Return whether released amendments have helped; nothing while the database is away."""
    try:
        return {
            row.id: await questions.helped(room.desk.engine, row.procedure, row.decided)
            for row in shown
            if row.state == "released" and row.decided is not None
        }
    except DatabaseError:
        return {}


async def _rows(room: _Room, procedure: str) -> list[TextRow]:
    rows = (await room.library.procedures()).get(procedure)
    if rows is None:
        raise DeskError(404, _NO_PROCEDURE)
    return rows


def _summary(room: _Room, name: str, rows: list[TextRow], latest: list[Amendment]) -> _Summary:
    states: dict[str, list[str]] = {}
    for row in rows:
        for cell in row.cells:
            if cell.state and cell.language not in states.setdefault(cell.state, []):
                states[cell.state].append(cell.language)
    return _Summary(
        id=name,
        title=room.title(rows) or name,
        texts=len(rows),
        longest=max((cell.seconds for row in rows for cell in row.cells), default=0.0),
        states=states,
        proposals=sum(row.procedure == name and row.state == "proposed" for row in latest),
    )
