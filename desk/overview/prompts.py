"""Every prompt in every language: its text, how long it lasts, who speaks it, and what is missing or old."""

import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathParameter

from desk.context import DeskDep, part
from desk.overview.prompt_shelf import ANY, OUTDATED, Asked, PromptShelf, find
from desk.overview.reading import Command
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import AdministratorDep, AdministratorStillThere
from desk.site.tabs import respond

router = APIRouter(prefix="/site/prompts")

ON_A_PAGE = 50

STATES = {
    "untranslated": N_("not translated"),
    "draft": N_("draft, not released"),
    "faulty": N_("error in the text"),
    "failed": N_("the last build failed"),
    "missing": N_("no audio"),
    "broken": N_("audio file damaged"),
    "recording_old": N_("recorded before the text changed"),
    "stale": N_("speaks an earlier text"),
}
"""The words of `prompts.prompt_states.State`."""

_NO_SOUND = N_("There is no audio of this prompt.")
_RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})")

ShelfDep = Annotated[PromptShelf, part("prompt_shelf")]


CountsDep = Annotated[Command, part("prompt_counts")]


def counting_command() -> Command:
    """Return what counts the prompts of each language."""
    return Command("prompts", "status", fresh=timedelta(minutes=1))


@router.get("")
async def page(
    request: Request,
    desk: DeskDep,
    shelf: ShelfDep,
    _administrator: AdministratorDep,
    language: Annotated[str, Query(pattern=r"^([a-z]{2,3}(_[A-Z]{2})?)?$")] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    source: Annotated[str, Query(max_length=60)] = "",
    words: Annotated[str, Query(max_length=100)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Show a page of the prompts that are asked for."""
    prompts = await shelf.read()
    asked = Asked(language, state if state in (*STATES, OUTDATED) else "", source, words)
    found = find(prompts, asked)
    pages = max(1, -(-len(found.rows) // ON_A_PAGE))
    page = min(page, pages)
    named = {"language": language, "state": asked.state, "source": source, "words": words}

    def address(number: int) -> str:
        return f"/site/prompts?{urlencode({name: value for name, value in named.items() if value} | {'page': number})}"

    return respond(
        request,
        desk,
        "overview/prompts.html",
        rows=found.rows[(page - 1) * ON_A_PAGE : page * ON_A_PAGE],
        total=len(found.rows),
        counts=found.counts,
        all=found.counts[ANY],
        shelf=prompts,
        asked=asked,
        states=STATES,
        page=page,
        pages=pages,
        address=address,
    )


@router.get("/languages")
async def languages(
    request: Request, desk: DeskDep, counts: CountsDep, _administrator: AdministratorStillThere
) -> Response:
    """Return the table of the languages, with how far slow voices are: some seconds, so the page asks by itself."""
    return desk.pages.respond(request, "overview/prompt_languages.html", rows=await counts.read(desk))


@router.get("/audio/{language}/{prompt}.wav")
async def audio(
    request: Request,
    shelf: ShelfDep,
    _administrator: AdministratorDep,
    language: Annotated[str, PathParameter(max_length=10)],
    prompt: Annotated[str, PathParameter(max_length=200)],
) -> Response:
    """Send the audio that callers hear, or the part of it that a browser asks for."""
    sound = await shelf.wav(language, prompt)
    if sound is None:
        raise DeskError(404, _NO_SOUND)
    return _part(sound, request.headers.get("range", ""))


def _part(sound: bytes, wanted: str) -> Response:
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or found[1] == found[2] == "":
        return Response(sound, media_type="audio/wav", headers=headers)
    if found[1] == "":
        begin, end = max(0, len(sound) - int(found[2])), len(sound) - 1
    else:
        begin, end = int(found[1]), min(len(sound) - 1, int(found[2] or len(sound)))
    if begin > end:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{len(sound)}"})
    headers |= {"Content-Range": f"bytes {begin}-{end}/{len(sound)}"}
    return Response(sound[begin : end + 1], 206, headers, "audio/wav")
