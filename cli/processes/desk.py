"""`hatif desk`: the process that serves the operators' web page."""

import os

import typer

from cli.desk import parts_with_desk, serving_settings
from cli.output import errors
from desk import bundle
from desk.page.traffic import Traffic
from desk.server import serve
from ivr.home import heartbeat, pid_lock, process_counts
from ivr.home.service_manager import ServiceManager


def register(app: typer.Typer) -> None:
    app.command()(desk)


def desk() -> None:
    """Serve the operators' web page, in the foreground. `hatif up` runs it as well."""
    parts = parts_with_desk()
    if not bundle.is_current():
        errors.print("hatif: the desk's scripts are missing or old; run `hatif setup` with network.", style="yellow")
    os.nice(5)  # calls take precedence over pages
    pid_lock.hold(parts.settings.run, "desk")
    traffic = Traffic()
    process_counts.keep_writing(parts.settings.run, "desk", traffic.counts)
    serve(
        serving_settings(parts), traffic, ServiceManager(lives=heartbeat.of_process(parts.settings.run, "desk")).alive
    )
