"""The desk as one application: its rooms behind its door."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from background.retrying import kept_up
from db.engine import for_people, open_engine
from db.journal import Journal
from db.references import ReferenceAllocator
from desk.amend import routes as amend
from desk.amend.library import Library
from desk.amend.speech import Speech
from desk.board import fragments as board_fragments
from desk.board import routes as board
from desk.board.walls import Walls
from desk.board.watch import Watch
from desk.call import fragments as call_fragments
from desk.call import routes as call
from desk.case import caller
from desk.case import routes as case
from desk.case.presence import Presence
from desk.case.view import opened_by_call
from desk.context import Desk
from desk.control import ControlClient
from desk.flow_pictures import FlowPictures
from desk.guide import routes as guide
from desk.guide.book import Book
from desk.guide.mail import Mailer, MailLimit
from desk.guide.notice_mails import NoticeMailer
from desk.live import routes as live
from desk.live.hub import Hub
from desk.live.picture import SiteFacts
from desk.overview import audit as overview_audit
from desk.overview import flow as overview_flow
from desk.overview import health as overview_health
from desk.overview import prompts as overview_prompts
from desk.overview.prompt_shelf import PromptShelf
from desk.page import site_words
from desk.page.door import Door
from desk.page.errors import handle_errors
from desk.page.files import Files
from desk.page.pages import Pages
from desk.page.traffic import Traffic
from desk.people import factor_routes
from desk.people import routes as people
from desk.people.listening import Listening
from desk.people.passwords import Passwords
from desk.people.refusals import Refusals
from desk.people.sessions import Sessions
from desk.people.signed_in import SignInNeeded
from desk.people.slow_down import Attempts
from desk.people.source_limit import SourceLimit
from desk.people.telephone_sessions import TelephoneSessions
from desk.reading import routes as reading
from desk.reading.limits import Readings
from desk.reading.reader import Reader, WhyNeeded
from desk.reading.traces import Traces
from desk.recording import routes as recording
from desk.report import routes as report
from desk.report.mailing import ReportMailer
from desk.report.making import ReportMaker
from desk.report.site_names import names_of
from desk.settings import DeskSettings
from desk.shift import fragments as shift_fragments
from desk.shift import routes as shift
from desk.shift import telephone
from desk.shift.day import Days
from desk.site import holiday_routes, hour_routes, number_routes, operator_access, operator_list, operator_routes
from desk.site import routes as site
from desk.staffing import roster_routes
from desk.staffing import routes as staffing
from desk.staffing.finishing import SwapFinisher
from desk.staffing.roster import Rosters
from desk.staffing.runs import Simulations
from desk.supervise import fragments as supervise_fragments
from desk.supervise import routes as supervise
from desk.try_line import routes as try_line
from desk.try_line import training
from desk.worklist import calling
from desk.worklist import routes as worklist
from desk.worklist.work import Counts
from office.context import Office

ROUTERS = (
    people.router,
    factor_routes.router,
    live.router,
    shift.router,
    telephone.router,
    call.router,
    case.router,
    caller.router,
    reading.router,
    guide.router,
    worklist.router,
    calling.router,
    amend.router,
    board.router,
    supervise.router,
    recording.router,
    report.router,
    staffing.router,
    roster_routes.router,
    try_line.router,
    training.router,
    site.router,
    operator_list.router,
    operator_routes.router,
    operator_access.router,
    number_routes.router,
    hour_routes.router,
    holiday_routes.router,
    overview_flow.router,
    overview_prompts.router,
    overview_health.router,
    overview_audit.router,
)
FRAGMENTS = (
    *shift_fragments.FRAGMENTS,
    *call_fragments.FRAGMENTS,
    *board_fragments.FRAGMENTS,
    *supervise_fragments.FRAGMENTS,
)


PAGE_S = 6.0
"""How long a page waits for the database: for each transaction, in seconds. One that writes to SQLite waits for 5 s for
another one, and then says so."""


def _liveness(hub: Hub, watch: Watch, reading_alarms: Callable[[], int]) -> dict[str, float]:
    """Return how live the pages are; docs/monitoring.md says what each figure is."""
    return {
        "browsers": hub.followers,
        "picture_age_s": hub.silent_s,
        "figures_age_s": watch.late_s,
        "failing_parts": hub.failing,
        "reading_alarms": reading_alarms(),
    }


def _references(settings: DeskSettings) -> ReferenceAllocator | None:
    """Return what gives out references for new cases; None without a file of them."""
    if settings.case_references is None:
        return None
    return ReferenceAllocator(settings.case_references, settings.node_number, taken=1)


def create_app(settings: DeskSettings, traffic: Traffic | None = None) -> FastAPI:
    """Return the application. `traffic` counts its answers."""
    traffic = traffic or Traffic()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_engine(settings.database_url, settings.connections) as whole,
            ControlClient(settings.control_port, settings.control_token) as control,
        ):
            engine = for_people(whole, PAGE_S)
            journal = Journal(settings.journal, settings.node) if settings.journal is not None else None
            office = Office(
                engine,
                journal,
                settings.node,
                references=_references(settings),
                pepper=settings.pin_pepper,
                now=lambda: app.state.desk.now(),
                opened=lambda reference: opened_by_call(app.state.hub.picture, reference),
            )
            app.state.desk = Desk(settings, engine, control, pages, office)
            app.state.sessions = Sessions(engine, lambda: app.state.hub.on_shift())
            telephone_sessions = TelephoneSessions(settings.home, settings.control_token, app.state.sessions)
            app.state.telephone_sessions = telephone_sessions
            app.state.passwords = Passwords()
            app.state.source_limit = SourceLimit()
            app.state.attempts = Attempts()
            app.state.code_attempts = Attempts()
            app.state.refusals = Refusals()
            app.state.listening = Listening()
            app.state.presence = Presence()
            app.state.book = Book(control)
            app.state.mailer = Mailer(settings.mail)
            app.state.mail_limit = MailLimit()
            app.state.flow_pictures = FlowPictures(control)
            app.state.try_telephones = {}
            app.state.counts = Counts(engine)
            app.state.library = Library(settings.site_folder, settings.home, settings.languages)
            app.state.prompt_shelf = PromptShelf(settings.site_folder, settings.home, settings.languages)
            app.state.prompt_counts = overview_prompts.counting_command()
            app.state.health_command = overview_health.health_command()
            app.state.check_command = overview_health.check_command()
            app.state.speech = Speech()
            app.state.report_maker = ReportMaker(settings.database_url)
            app.state.rosters = Rosters(settings)
            app.state.simulations = Simulations(settings)
            app.state.days = Days(engine, settings.timezone)
            app.state.hub = Hub(control, pages, FRAGMENTS, SiteFacts(languages=settings.languages))
            app.state.readings = Readings()
            traces = Traces(journal)
            app.state.reader = Reader(app.state.desk, app.state.hub, app.state.readings, traces)
            app.state.walls = Walls(engine)
            app.state.watch = Watch(app.state.hub, control, engine, settings.timezone, lambda: app.state.desk.now())
            traffic.live = partial(
                _liveness, app.state.hub, app.state.watch, lambda: app.state.readings.alarms(app.state.desk.now())
            )
            report_mailer = ReportMailer(
                settings, engine, app.state.report_maker, app.state.mailer,
                names_of(pages, settings, app.state.hub.picture),
                lambda: app.state.desk.now(),
            )  # fmt: skip
            notice_mailer = NoticeMailer(settings, engine, app.state.mailer, pages, lambda: app.state.desk.now())
            finisher = SwapFinisher(lambda: app.state.desk, app.state.rosters)
            works = {
                "idle sessions": lambda: app.state.sessions.run(lambda: app.state.desk.now()),
                "sessions of telephones": lambda: telephone_sessions.run(lambda: app.state.desk.now()),
                "live picture": app.state.hub.run,
                "wallboard": app.state.watch.run,
                "reports by e-mail": report_mailer.run,
                "e-mails about accounts": notice_mailer.run,
                "swaps": finisher.run,
            }
            async with kept_up(works):
                yield
            traces.close()
            app.state.report_maker.close()
            await asyncio.to_thread(app.state.speech.close)
            await app.state.simulations.close()

    pages = Pages(site_words.load(settings.site_folder), settings.timezone)
    app = FastAPI(
        title="Hatif desk", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan,
        # Not `include_router`: it has each route made anew at the first request.
        routes=[route for router in ROUTERS for route in router.routes],
    )  # fmt: skip
    app.state.pages = pages
    app.mount("/static", Files(), name="static")
    answer_failure = handle_errors(app, pages)

    @app.exception_handler(SignInNeeded)
    async def sign_in_needed(request: Request, needed: SignInNeeded) -> Response:
        """Lead a page to the sign-in, and tell a page that is open already."""
        if (
            request.headers.get("hx-request")
            or request.method != "GET"
            or request.url.path.startswith(("/live", "/session"))
        ):
            event = "hatif:session-over" if needed.is_over else "hatif:signed-out"
            return Response(status_code=401, headers={"HX-Trigger": event})
        return RedirectResponse(f"{needed.page}?next={quote(request.url.path)}", 303)

    @app.exception_handler(WhyNeeded)
    async def why_needed(request: Request, needed: WhyNeeded) -> Response:
        return reading.ask(request, needed)

    app.add_middleware(
        Door,
        telephone_port=settings.telephone_port,
        telephone_url=settings.telephone_url,
        encrypted=settings.is_encrypted,
        traffic=traffic,
        answer_failure=answer_failure,
    )
    return app
