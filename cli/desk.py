"""`hatif desk`, and the rest of the desk on the command line: its settings and its sign-in links."""

import asyncio
import contextlib
import os
import socket
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import typer

from background import telephone_ticket
from cli.composition import Composition, ControlError
from cli.control import actor
from cli.output import console, errors
from desk import tls
from desk.settings import PORT, TELEPHONE_PORT, DeskSettings, MailSettings, ReportMail
from ivr.home import heartbeat, pid_lock, process_counts
from ivr.home.logs import configure
from ivr.home.service_manager import ServiceManager
from ivr.process.own_user import refuse_root

# Imports in functions: the web framework and the database's packages take a while to load.


def register(app: typer.Typer) -> None:
    app.command()(desk)
    app.command()(gate)


def desk() -> None:
    """Serve the operators' web page, in the foreground. `hatif up` runs it as well."""
    from desk import bundle
    from desk.page.traffic import Traffic
    from desk.server import serve

    parts = _parts()
    if not bundle.is_current():
        errors.print("hatif: the desk's scripts are missing or old; run `hatif setup` with network.", style="yellow")
    os.nice(5)  # calls take precedence over pages
    pid_lock.hold(parts.settings.run, "desk")
    traffic = Traffic()
    process_counts.keep_writing(parts.settings.run, "desk", traffic.counts)
    serve(_serving(parts), traffic, ServiceManager(lives=heartbeat.of_process(parts.settings.run, "desk")).alive)


def gate() -> None:
    """Serve the WebSocket of browser telephones, in the foreground. `hatif up` runs it beside the desk."""
    from ivr.process.ban_watch import limits_of, spared_networks
    from ivr.process.telephone_gate import GateSettings, TelephoneGate

    parts = _parts()
    pid_lock.hold(parts.settings.run, "gate")
    chosen = _serving(parts)
    context = None
    if chosen.certificate is not None and chosen.key is not None:
        context = tls.server_context(chosen.certificate, chosen.key)
    site = parts.site
    settings = GateSettings(
        chosen.listen,
        chosen.telephone_port,
        parts.ports.http,
        chosen.port,
        home=parts.settings.home,
        key=telephone_ticket.key_of(chosen.control_token),
        desk_address=chosen.address,
        context=context,
        networks=tuple(ip_network(network) for network in parts.browser_networks),
        outside=site.operators.outside,
        limits=limits_of(site),
        spared=tuple(spared_networks(site)),
    )
    try:
        with contextlib.suppress(KeyboardInterrupt):
            serving = TelephoneGate(settings, heartbeat.of_process(parts.settings.run, "gate"))
            process_counts.keep_writing(parts.settings.run, "gate", serving.counts)
            asyncio.run(serving.serve())
    except OSError as error:
        where, why = f"{settings.listen}, port {settings.port}", error.strerror or error
        raise ControlError(
            f"Browser telephones cannot be served on {where} ({why}): stop the program that uses it, or set another"
            " listen in [desk] of site.toml, or HATIF_PORT_OFFSET."
        ) from None


def _parts() -> Composition:
    """Return the installation's parts, with the logs set up. Raises ControlError if the desk is off."""
    parts = Composition()
    if not parts.site.desk.enabled:
        raise ControlError("The desk is off: write enabled = true in [desk] of site.toml.")
    refuse_root(parts.site)
    configure(parts.site.node, parts.settings.log, parts.settings.log_level)
    return parts


def settings_of(parts: Composition) -> DeskSettings:
    """Return the settings of the desk. Its own certificate need not exist yet; see `_serving`."""
    chosen, folder = parts.site.desk, parts.settings.site
    certificate = folder / chosen.certificate if chosen.certificate is not None else None
    key = folder / chosen.key if chosen.key is not None else None
    is_encrypted = certificate is not None or (chosen.address or "").startswith("https://")
    if not is_encrypted and not _is_local(chosen.listen):
        certificate, key = tls.files(parts.settings.home / "desk")
    return DeskSettings(
        timezone=parts.site.hours.timezone,
        languages=parts.site.languages,
        database_url=parts.database_url,
        connections=parts.site.database.connections,
        control_port=parts.settings.control_port,
        control_token=parts.credentials.control_token,
        factor_key=parts.credentials.factor_key,
        administrators_need_factor=chosen.administrators_need_factor,
        port=PORT + parts.settings.offset,
        listen=chosen.listen,
        host=_names(chosen.listen)[0],
        address=chosen.address,
        certificate=certificate,
        key=key,
        mail=_mail(parts),
        reports=_reports(parts),
        site_name=parts.site.name,
        home=parts.settings.home,
        journal=parts.settings.journal,
        node=parts.site.node,
        node_number=parts.site.node_number,
        case_references=parts.settings.case_references,
        pin_pepper=parts.credentials.pin_pepper,
        site_folder=folder,
        has_try=chosen.has_try,
        telephone_port=TELEPHONE_PORT + parts.settings.offset,
    )


def _serving(parts: Composition) -> DeskSettings:
    """Return the settings of the desk, once it has a certificate if it needs one.

    Raises CertificateError if it listens to other machines without a certificate, and none can be made.
    """
    chosen = settings_of(parts)
    if chosen.certificate is not None and parts.site.desk.certificate is None:
        tls.self_signed(parts.settings.home / "desk", _names(chosen.listen))
    return chosen


def _mail(parts: Composition) -> MailSettings | None:
    chosen = parts.site.desk.mail
    if chosen is None:
        return None
    password = os.environ.get("HATIF_SMTP_PASSWORD")
    authority = parts.settings.site / chosen.authority if chosen.authority is not None else None
    return MailSettings(**{**chosen.model_dump(), "authority": authority}, password=password)


def _reports(parts: Composition) -> ReportMail | None:
    chosen = parts.site.reports
    if not chosen.is_wanted:
        return None
    return ReportMail(chosen.at, chosen.language, {"day": chosen.daily, "week": chosen.weekly, "month": chosen.monthly})


def warn_of_ports(parts: Composition) -> None:
    """Print which ports of the desk and of monitoring are in use: the line starts without them, and they try again."""
    desk, monitoring, offset = parts.site.desk, parts.site.monitoring, parts.settings.offset
    wanted: list[tuple[str, int, str, str]] = []
    if desk.enabled:
        wanted.append((desk.listen, PORT + offset, "the desk", "[desk]"))
        wanted.append((desk.listen, TELEPHONE_PORT + offset, "the telephones of its pages", "[desk]"))
    if monitoring.enabled:
        wanted.append((monitoring.listen, parts.settings.monitoring_port, "monitoring", "[monitoring]"))
    for listen, port, purpose, section in wanted:
        family = socket.AF_INET6 if ":" in listen else socket.AF_INET
        with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((listen, port))
            except OSError as error:
                reason = os.strerror(error.errno or 0)
                what = f"TCP port {port} ({purpose}) on {listen} cannot be opened: {reason}"
                remedy = f"stop the program that uses it, or correct listen in {section}; calls are served meanwhile"
                errors.print(f"hatif: {what}; {remedy}.", style="yellow", markup=False, soft_wrap=True)


def _is_local(listen: str) -> bool:
    return ip_address(listen).is_loopback


def _names(listen: str) -> tuple[str, ...]:
    """Return the names by which browsers may reach an address of this machine, the best one first."""
    if _is_local(listen):
        return ("localhost", listen)
    return (listen,) if not ip_address(listen).is_unspecified else (socket.gethostname(), "localhost")


async def sign_in_link(parts: Composition, operator: str) -> str:
    """Return a new one-time link for an operator, whose account is made if there is none.

    Raises ControlError if there is no such operator, AccountError if the account is disabled, DatabaseError.
    """
    from db.engine import open_engine
    from desk.people import accounts, links

    entry = next((entry for entry in parts.operators if entry.id == operator), None)
    if entry is None:
        raise ControlError(f"There is no operator {operator}; `hatif operators` lists them.")
    now = datetime.now(UTC)
    async with open_engine(parts.database_url) as engine:
        await accounts.ensure_operator(engine, entry.id, entry.name, entry.supervisor, now, by=actor())
        return f"{settings_of(parts).url}/link/{await links.make_link(engine, entry.id, now, actor=actor())}"


async def _visitor_link(parts: Composition) -> str:
    """Return a new one-time link for whoever wants to try the line. Raises AccountError, DatabaseError."""
    from db.engine import open_engine
    from desk.people import accounts, links

    now = datetime.now(UTC)
    async with open_engine(parts.database_url) as engine:
        await accounts.ensure_visitor(engine, now)
        return f"{settings_of(parts).url}/link/{await links.make_link(engine, accounts.VISITOR, now, actor=actor())}"


async def announce(parts: Composition, ready: asyncio.Event) -> None:
    """Print the desk's address once the line is up; in a terminal with a first sign-in, which no log must have."""
    if not parts.site.desk.enabled:
        return
    from db.engine import DatabaseError
    from desk.people.accounts import AccountError

    await ready.wait()
    console.print(f"The operators' desk: {settings_of(parts).url}", markup=False)
    if not console.is_terminal:
        return
    first = parts.operators[0]
    try:
        link = await sign_in_link(parts, first.id)
        visitor = await _visitor_link(parts) if parts.site.desk.has_try else None
    except (DatabaseError, AccountError) as error:
        console.print(f"No sign-in could be made: {error}", style="yellow", markup=False, soft_wrap=True)
        return
    console.print(f"To sign in as {first.name} ({first.id}), once and within 15 minutes:", markup=False)
    console.print(link, markup=False, soft_wrap=True)
    if visitor is not None:
        console.print("To call the line from your browser, in another one or a private window:", markup=False)
        console.print(visitor, markup=False, soft_wrap=True)
    console.print("For anybody else: `hatif operators login ID`.", markup=False)
