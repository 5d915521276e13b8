"""Templates become pages and fragments here.

A room's template is named `room/file.html` and lies in `desk/room/templates/`. The same template is a whole page for a
browser that opens it, and a fragment for one that asks with htmx.
"""

import hashlib
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from db.references import format_reference
from desk.page import texts
from desk.page.compiled import COMPILED, of_the_page
from desk.page.note_words import in_words
from desk.page.site_words import SiteWords
from desk.page.texts import Language

ROOT = Path(__file__).parent.parent
ROOMS = (
    "page",
    "people",
    "shift",
    "call",
    "case",
    "guide",
    "worklist",
    "report",
    "staffing",
    "try_line",
    "board",
    "supervise",
    "recording",
    "amend",
    "site",
    "overview",
    "reading",
)
STATIC = ROOT / "static"

LANGUAGE_COOKIE = "hatif-language"
THEME_COOKIE = "hatif-theme"
THEMES = ("light", "dark")
"""Absent: as the system."""


class Pages:
    """All templates in all languages."""

    def __init__(self, words: SiteWords | None = None, zone: str = "UTC") -> None:
        self.languages = texts.load()
        self.words = known = words or SiteWords()
        self._environments = {code: _environment(language, known, zone) for code, language in self.languages.items()}

    @property
    def missing_words(self) -> Collection[str] | None:
        """The site's words for what an applicant may have to bring; None if its texts cannot be read."""
        return self.words.all_missing()

    def prepare(self) -> None:
        """Compile all templates, and load the names of countries: most of a second, for which nobody should wait."""
        for code, environment in self._environments.items():
            for name in environment.list_templates():
                environment.get_template(name)
            _ = self.languages[code].countries

    def language_of(self, request: Request) -> Language:
        """Return the language of an answer: what the route has chosen, else the person's, else the last one of this
        browser, else what it asks for."""
        person = getattr(request.state, "person", None)
        own = person.language if person is not None else None
        for code in (getattr(request.state, "language", None), own, request.cookies.get(LANGUAGE_COOKIE)):
            if code in self.languages:
                return self.languages[code]
        return self.languages[texts.choose(request.headers.get("accept-language", ""))]

    def fragment(self, language: Language, template: str, **values: Any) -> str:
        """Return a fragment that needs nothing of a request."""
        return self._environments[language.code].get_template(template).render(values)

    def respond(
        self, request: Request, template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        """Return a page, or a fragment for htmx."""
        theme = request.cookies.get(THEME_COOKIE)
        shared = {
            "layout": "page/fragment.html" if request.headers.get("hx-request") else "page/layout.html",
            "person": getattr(request.state, "person", None),
            "navigation": getattr(request.state, "navigation", ()),
            "notices": getattr(request.state, "notices", ()) if request.method == "GET" else (),  # not after a form
            "csrf": getattr(request.state, "csrf", ""),
            "theme": theme if theme in THEMES else "",
            "path": request.url.path,
        }
        text = self.fragment(self.language_of(request), template, **shared, **values)
        return HTMLResponse(text, status, {"Cache-Control": "no-store", **(headers or {})})


def static_url(name: str) -> str:
    """Return the address of a file for browsers, which changes with its content."""
    return f"/static/{name}?v={_digest(name)}"


@cache
def _digest(name: str) -> str:
    try:
        return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    except OSError:
        return "missing"


def _environment(language: Language, words: SiteWords, zone: str) -> Environment:
    loader = PrefixLoader({room: FileSystemLoader(ROOT / room / "templates") for room in ROOMS})
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=COMPILED,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(language.translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(lang=language, languages=texts.LANGUAGES, static_url=static_url, icon=icon)
    environment.globals.update(
        topic=partial(words.topic, language.code),
        pause=partial(words.pause, language.code),
        choice=partial(words.choice, language.code),
        missing_words=words.missing(language.code),
    )
    filters: dict[str, Callable[..., Any]] = {
        "language_name": language.language_name,
        "country_name": language.country_name,
        "text": language.text,
        "day": partial(_day, language, zone),
        "clock_time": partial(_clock_time, language, zone),
        "duration": duration,
        "percent": language.percent,
        "moment": partial(_moment, language, zone),
        "reference": format_reference,
        "note_in_words": partial(in_words, language, zone),
        "since": since,
        "until": until,
    }
    environment.filters.update({name: of_the_page(compute) for name, compute in filters.items()})
    return environment


def icon(name: str) -> Markup:
    """Return a picture of the sheet of icons. It is for the eyes only: what it means stands beside it in words."""
    return Markup('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>').format(
        static_url("icons.svg"), name
    )


def since(instant: float | datetime | None) -> Markup:
    """Return a clock that counts up from an instant; the browser keeps it going."""
    if instant is None:
        return Markup("")
    seconds = instant.timestamp() if isinstance(instant, datetime) else instant
    return Markup('<time class="clock" data-since="{:.3f}"></time>').format(seconds)


def until(instant: float | None) -> Markup:
    """Return a clock that counts down to an instant."""
    return Markup('<time class="clock" data-until="{:.3f}"></time>').format(instant) if instant else Markup("")


def duration(seconds: float) -> str:
    """Return a duration as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _moment(language: Language, zone: str, instant: float) -> str:
    """Return the time of day of an instant in POSIX seconds."""
    return language.clock_time(datetime.fromtimestamp(instant, UTC), zone)


def _day(language: Language, zone: str, instant: datetime | str | None) -> str:
    """Return an instant, or its ISO text, as day and time of the site."""
    return language.day(datetime.fromisoformat(instant) if isinstance(instant, str) else instant, zone)


def _clock_time(language: Language, zone: str, instant: datetime) -> str:
    return language.clock_time(instant, zone)
