"""`hatif gate`: the process that serves the WebSocket of browser telephones."""

import asyncio
import contextlib
from ipaddress import ip_network

import typer

from asterisk_conf.conf import Ports
from background import telephone_ticket
from cli.composition import ControlError
from cli.desk import parts_with_desk, serving_settings
from desk import tls
from ivr.home import heartbeat, pid_lock, process_counts
from ivr.process.ban_watch import limits_of, spared_networks
from ivr.process.telephone_gate import GateSettings, TelephoneGate


def register(app: typer.Typer) -> None:
    app.command()(gate)


def gate() -> None:
    """Serve the WebSocket of browser telephones, in the foreground. `hatif up` runs it beside the desk."""
    parts = parts_with_desk()
    pid_lock.hold(parts.settings.run, "gate")
    desk = serving_settings(parts)
    context = None
    if desk.certificate is not None and desk.key is not None:
        context = tls.server_context(desk.certificate, desk.key)
    site = parts.site
    settings = GateSettings(
        desk.listen,
        desk.telephone_port,
        Ports.with_offset(parts.settings.offset, parts.site.sip.audio_ports).http,
        desk.port,
        home=parts.settings.home,
        key=telephone_ticket.key_of(desk.control_token),
        desk_address=desk.address,
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
