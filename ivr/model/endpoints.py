"""Asterisk's names for telephones: an operator's two, those with which people try the line, and scripted callers.

An operator's ordinary telephone has their id as its name. Both are the same operator's: whichever rings, the offer is
theirs.
"""

import re

_WEB = "-web"
_TRY = "try-"
TRY_TELEPHONES = tuple(f"{_TRY}{number}" for number in range(1, 5))
"""The telephones of the desk's page *Try the line*: as many sessions can call at once."""


def web_endpoint(operator: str) -> str:
    """Return the endpoint of an operator's browser telephone."""
    return f"{operator}{_WEB}"


def operator_of(endpoint: str) -> str:
    """Return whose telephone an endpoint is."""
    return endpoint.removesuffix(_WEB)


def is_web(endpoint: str) -> bool:
    """Return whether an endpoint, or the name of one of its channels, is a browser telephone's."""
    return f"{_WEB}-" in f"{endpoint}-"


def try_telephone_of(channel: str) -> str | None:
    """Return the telephone of the page *Try the line* that a channel, by its name, belongs to; None for any other."""
    endpoint = channel.removeprefix("PJSIP/").rpartition("-")[0]
    return endpoint if endpoint in TRY_TELEPHONES else None


def endpoints_of(operator: str) -> tuple[str, str]:
    """Return an operator's endpoints, the one first that is rung if both are there."""
    return web_endpoint(operator), operator


_TRAINING = "hatif-training"
_TRAINS = re.compile(rf"{_TRAINING}-([0-9]+)-[0-9a-f-]{{36}}")


def training_channel(operator: str, token: str) -> str:
    """Return the id of the line's end of a scripted caller's channel: it alone says whom the call trains.

    `token`: a UUID.
    """
    return f"{_TRAINING}-{operator}-{token}"


def operator_in_training(channel: str) -> str | None:
    """Return the operator whom a call trains, by the id of its channel; None for a call of anybody else."""
    found = _TRAINS.fullmatch(channel)
    return found[1] if found is not None else None
