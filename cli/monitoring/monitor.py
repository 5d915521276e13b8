"""`hatif monitor`: answers Prometheus and health checks, in the foreground."""

import os
import signal
import sys

import typer

from cli.asterisk_parts import AsteriskParts
from cli.composition import ControlError
from cli.monitoring import facts
from cli.monitoring.server import Monitor, MonitorServer
from ivr.home import heartbeat, pid_lock
from ivr.home.logs import configure
from ivr.home.service_manager import ServiceManager
from ivr.process.own_user import refuse_root


def register(app: typer.Typer) -> None:
    app.command()(monitor)


def monitor() -> None:
    """Serve /metrics and /health, in the foreground. `hatif up` runs it as well; docs/monitoring.md."""
    # Here: they load Prometheus' client and the database's packages, which no other command needs.
    parts = AsteriskParts()
    refuse_root(parts.site)
    chosen, port = parts.site.monitoring, parts.settings.monitoring_port
    configure(parts.site.node, parts.settings.log, parts.settings.log_level)
    os.nice(10)  # calls take precedence over figures
    pid_lock.hold(parts.settings.run, "monitor")

    reader = facts.FactsReader(parts)
    try:
        systemd = ServiceManager(lives=heartbeat.of_process(parts.settings.run, "monitor"))
        server = MonitorServer(chosen.listen, port, Monitor(reader.read), systemd.alive)
    except OSError as error:
        raise ControlError(
            f"Figures cannot be served on {chosen.listen}, port {port} ({error.strerror or error}): stop the program"
            " that uses it, or set another listen in [monitoring] of site.toml, or HATIF_PORT_OFFSET."
        ) from None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.exit(0)
