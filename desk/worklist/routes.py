"""The worklist: taking work, giving it back and finishing it; what two people take, one gets."""

import re
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import FileResponse

from db.engine import DatabaseError
from db.enums import GuideOutcome
from db.message_data import VoiceMessage
from db.rows import NotFoundError
from desk.context import Desk, DeskDep, part
from desk.control import ControlError, note_changed
from desk.guide.book import Book
from desk.guide.routes import BookDep, own_language
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.listening import Listening
from desk.people.policy import Permission, may
from desk.people.signed_in import OperatorDep, SignedIn
from desk.reading.reader import ReaderDep
from desk.worklist import calling, work
from desk.worklist.work import Counts
from office import callbacks, guide_requests, messages
from office.cases import changing, reading
from office.people import NotAllowedError
from office.taking import TakenError

router = APIRouter(prefix="/worklist")

_FILE = re.compile(r"messages/[0-9A-Za-z-]{1,60}\.wav")

_TAKEN = N_("Somebody else has just taken that.")
_NO_MESSAGE = N_("There is no such message.")
_NO_SOUND = N_("The sound of this message is not there any more.")
_NOT_YOURS = N_("Take the message first.")
_NOT_YOUR_CALL = N_("You have not taken this call-back request.")

_OF_A_MESSAGE = {"take": messages.take, "release": messages.release, "done": messages.finish}

CountsDep = Annotated[Counts, part("counts")]
ListeningDep = Annotated[Listening, part("listening")]


class _Room:
    """The parts that every page of this room needs. A dependency."""

    def __init__(
        self,
        request: Request,
        desk: DeskDep,
        hub: HubDep,
        book: BookDep,
        counts: CountsDep,
        reader: ReaderDep,
        signed_in: OperatorDep,
    ) -> None:
        self.request, self.desk, self.signed_in = request, desk, signed_in
        self._hub, self._book, self._counts, self._reader = hub, book, counts, reader

    @property
    def may_give_back(self) -> bool:
        """Whether they may give back what somebody else has taken."""
        return may(self.signed_in.person, Permission.SUPERVISE)

    async def ask(self, path: str, body: object = None) -> Any:
        """Change something in this person's name. Raises DeskError if somebody else was faster."""
        self._counts.forget()
        try:
            return await self.desk.control.ask("POST", path, self.signed_in.person.id, body)
        except ControlError as error:
            if error.status in (404, 409):
                raise DeskError(409, _TAKEN) from None
            raise

    async def change(self, change: Awaitable[object]) -> None:
        """Make a change of the office's. Raises DeskError if somebody else was faster."""
        self._counts.forget()
        try:
            await change
        except (TakenError, NotFoundError):
            raise DeskError(409, _TAKEN) from None
        note_changed()

    async def page(self, said: str | None = None) -> Response:
        """Show the open work. `said`: a sentence about what was done."""
        tests = await self._shows_tests()
        found = await work.read(self.desk.office, self.signed_in.actor, tests=tests)
        unmade = await reading.unmade(self.desk.office, self.signed_in.actor)
        self._reader.saw_list(self.signed_in, "worklist", found.lines + len(unmade), tests=tests)
        return self.desk.pages.respond(
            self.request,
            "worklist/worklist.html",
            work=found,
            unmade=unmade,
            tests=tests,
            me=self.signed_in.actor.id,
            operator=self.signed_in.operator,
            spoken=self._hub.picture.operator(self.signed_in.operator).languages,
            names={operator.id: operator.name for operator in self._hub.picture.operators.values()},
            titles=await _titles(self.request, self.desk, self._hub, self._book) if found.requests.count else {},
            may_give_back=self.may_give_back,
            done=said,
            **calling.dial_form(self._hub),
            headers={"HX-Trigger": "hatif:worked"} if self.request.method == "POST" else None,
        )

    async def _shows_tests(self) -> bool:
        """Return whether the list has what comes from test calls. What is done in it leads to the same list."""
        given = self.request.query_params if self.request.method == "GET" else await self.request.form()
        return given.get("tests") == "1"


RoomDep = Annotated[_Room, Depends()]


@router.get("/count")
async def count(request: Request, desk: DeskDep, counts: CountsDep, signed_in: OperatorDep) -> Response:
    """Show how much nobody has taken, and which changes of their own were not made."""
    try:
        found = await counts.now(desk.now()) + len(await reading.unmade(desk.office, signed_in.actor))
    except DatabaseError:
        return Response(status_code=204)  # the page asks by itself, and again in a minute
    return desk.pages.respond(request, "worklist/count.html", count=found)


@router.get("")
async def worklist(room: RoomDep) -> Response:
    """Show the open work."""
    return await room.page()


@router.post("/message/{message}")
async def change_message(
    room: RoomDep, message: UUID, change: Annotated[Literal["take", "release", "done"], Form()]
) -> Response:
    """Take a message to work on it, give it back, or note that nothing is left to do."""
    await room.change(_OF_A_MESSAGE[change](room.desk.office, room.signed_in.actor, message))
    return await room.page()


@router.post("/message/{message}/call")
async def call_for_message(room: RoomDep, message: UUID) -> Response:
    """Call whoever left a message: the operator's telephone rings first."""
    found = await _own(room.desk, room.signed_in, message)
    about = {"language": found.language, "topic": found.topic, "case": found.case_reference}
    try:
        await calling.call(room.desk, room.signed_in, found.caller, about)
    except calling.CannotCallError as refused:
        raise DeskError(409, refused.text) from None
    return await room.page(calling.RINGS)


@router.get("/message/{message}/audio")
async def audio(
    request: Request,
    desk: DeskDep,
    listening: ListeningDep,
    signed_in: OperatorDep,
    message: UUID,
) -> Response:
    """Send the sound of a message to whoever has taken it, or the part that their browser asks for.

    That they listen is recorded each time, and who was the first.
    """
    found = await _own(desk, signed_in, message)
    path = _path(desk, found)
    if path is None:
        raise DeskError(404, _NO_SOUND)
    goes_on = listening.goes_on(signed_in.mark, message, request.headers.get("range", ""), desk.now())
    if not goes_on:
        with suppress(DatabaseError):  # it is played nevertheless
            await messages.hear(desk.office, signed_in.actor, found)
    listening.note(signed_in.mark, message, desk.now())
    return FileResponse(path, media_type="audio/wav", headers={"Cache-Control": "private, no-store"})


@router.post("/callback/{callback}")
async def change_callback(
    room: RoomDep, callback: UUID, change: Annotated[Literal["call", "cancel"], Form()]
) -> Response:
    """Call for a request: the operator's telephone rings first, and nobody else's. Or end it."""
    if change == "call":
        await room.ask(f"/callbacks/{callback}/call", {"operator": room.signed_in.operator})
        return await room.page(calling.RINGS)
    try:
        await room.change(callbacks.cancel(room.desk.office, room.signed_in.actor, str(callback), why="at the desk"))
    except NotAllowedError:
        raise DeskError(403, _NOT_YOUR_CALL) from None
    return await room.page()


@router.post("/request/{asked}")
async def change_request(
    room: RoomDep, asked: UUID, change: Annotated[Literal["take", "release"] | GuideOutcome, Form()]
) -> Response:
    """Take a procedure that is to be sent, give it back, or note how it ended."""
    office, actor = room.desk.office, room.signed_in.actor
    match change:
        case "take":
            await room.change(guide_requests.take(office, actor, asked))
        case "release":
            await room.change(guide_requests.release(office, actor, asked))
        case outcome:
            await room.change(guide_requests.end(office, actor, asked, outcome))
    return await room.page()


@router.post("/change/{change}")
async def finish_change(room: RoomDep, change: UUID) -> Response:
    """Note that nothing is left to do about a change of theirs that was not made."""
    await changing.finish_unmade(room.desk.office, room.signed_in.actor, change)
    return await room.page()


async def _own(desk: Desk, signed_in: SignedIn, message: UUID) -> VoiceMessage:
    """Return a message that this person has taken."""
    try:
        return await messages.own(desk.office, signed_in.actor, message)
    except NotFoundError:
        raise DeskError(404, _NO_MESSAGE) from None
    except TakenError:
        raise DeskError(403, _NOT_YOURS) from None


def _path(desk: Desk, message: VoiceMessage) -> FilePath | None:
    """Return the file of a message; None if it is gone, or no file of a message."""
    if desk.settings.home is None or message.erased is not None or not _FILE.fullmatch(message.file):
        return None
    path = desk.settings.home / message.file
    return path if path.is_file() and not path.is_symlink() else None


async def _titles(request: Request, desk: Desk, hub: Hub, book: Book) -> dict[str, str]:
    """Return the procedures' titles by id; none while the controller is away."""
    try:
        procedures = await book.in_language(own_language(request, desk, hub), desk.now())
    except ControlError:
        return {}
    return {name: procedure.title for name, procedure in procedures.items()}
