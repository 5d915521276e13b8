"""Structured logs: one line an event, in the same form from every process and every library.

A line has the node, and what the coroutine that writes it has bound (`structlog.contextvars`): the call's id and the
operator, where it belongs to one.
"""

import logging
import sys
from pathlib import Path
from typing import TextIO, cast

import structlog

from ivr.home.log_files import StandardError
from ivr.home.service_manager import writes_to_journal

_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""Of syslog, as sd-daemon(3) has them at the beginning of a line."""

_LIBRARIES = logging.WARNING
"""Libraries' messages below this level are for their own developers, and some libraries log a lot."""


def configure(node: str, folder: Path, level: str = "info", terminal: structlog.typing.Processor | None = None) -> None:
    """Set up the logs of this process.

    Args:
        node: The id of the node, for every line.
        folder: Where a log file of ours lies, whose size is limited.
        level: One of `ivr.home.settings.LEVELS`; nothing below it is written.
        terminal: How an event becomes a line if standard error is a terminal; default: as for developers.
    """
    output = StandardError(folder)
    least = logging.getLevelNamesMapping()[level.upper()]

    def with_node(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["node"] = node
        return event

    shared: list[structlog.typing.Processor] = [
        with_node,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    render: structlog.typing.Processor = (
        terminal or structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else _for_journal()
        if writes_to_journal()
        else _logfmt("timestamp", "level", "event")
    )
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, output)),
        cache_logger_on_first_use=True,
    )
    # Without the context: a library's timer or thread keeps the context of the code that happened to start it.
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(level=max(least, _LIBRARIES), handlers=[handler])
    logging.getLogger("db").setLevel(least)  # ours, though it does not know structlog


def _logfmt(*first: str) -> structlog.processors.LogfmtRenderer:
    return structlog.processors.LogfmtRenderer(key_order=first, bool_as_flag=False)


def _for_journal() -> structlog.typing.Processor:
    """Return a renderer of lines for journald, which has the time, and knows a line's priority by its beginning."""
    render = _logfmt("level", "event")

    def line(logger: object, name: str, event: structlog.typing.EventDict) -> str:
        del event["timestamp"]
        return f"<{_PRIORITIES[event['level']]}>{render(logger, name, event)}"

    return line
