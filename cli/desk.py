"""The desk's settings and ports, from the site."""

import contextlib
import os
import socket
from ipaddress import ip_address

from cli.composition import Composition, ControlError
from cli.output import errors
from desk import tls
from desk.settings import PORT, TELEPHONE_PORT, DeskSettings, MailSettings, ReportMail
from ivr.home.logs import configure
from ivr.process.own_user import refuse_root


def parts_with_desk() -> Composition:
    """Return the installation's parts, with the logs set up. Raises ControlError if the desk is off."""
    parts = Composition()
    if not parts.site.desk.enabled:
        raise ControlError("The desk is off: write enabled = true in [desk] of site.toml.")
    refuse_root(parts.site)
    configure(parts.site.node, parts.settings.log, parts.settings.log_level)
    return parts


def settings_of(parts: Composition) -> DeskSettings:
    """Return the settings of the desk. Its own certificate need not exist yet; see `serving_settings`."""
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


def serving_settings(parts: Composition) -> DeskSettings:
    """Return the settings of the desk, once it has a certificate if it needs one.

    Raises CertificateError if it listens to other machines without a certificate, and none can be made.
    """
    settings = settings_of(parts)
    if settings.certificate is not None and parts.site.desk.certificate is None:
        tls.self_signed(parts.settings.home / "desk", _names(settings.listen))
    return settings


def _mail(parts: Composition) -> MailSettings | None:
    mail = parts.site.desk.mail
    if mail is None:
        return None
    password = os.environ.get("HATIF_SMTP_PASSWORD")
    authority = parts.settings.site / mail.authority if mail.authority is not None else None
    return MailSettings(**{**mail.model_dump(), "authority": authority}, password=password)


def _reports(parts: Composition) -> ReportMail | None:
    reports = parts.site.reports
    if not reports.is_wanted:
        return None
    return ReportMail(
        reports.at, reports.language, {"day": reports.daily, "week": reports.weekly, "month": reports.monthly}
    )


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
