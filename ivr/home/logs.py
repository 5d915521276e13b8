"""Structured logs: one line per event, each with the node."""

import logging
import sys
from pathlib import Path
from typing import TextIO, cast

import structlog

from ivr.home.log_files import StandardError


def configure(node: str, folder: Path) -> None:
    """Set up the logs of this process; log files in `folder` have a limited size."""
    output = StandardError(folder)

    def with_node(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["node"] = node
        return event

    structlog.configure(
        processors=[
            with_node,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
            if not sys.stderr.isatty()
            else structlog.dev.ConsoleRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, output)),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[logging.StreamHandler(output)],
    )
