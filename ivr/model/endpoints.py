"""Asterisk's names for an operator's two telephones: the ordinary one, and the one in their browser.

The ordinary one has the operator's id as its name. Both are the same operator's: whichever rings, the offer is theirs.
"""

_WEB = "-web"


def web_endpoint(operator: str) -> str:
    """Return the endpoint of an operator's browser telephone."""
    return f"{operator}{_WEB}"


def operator_of(endpoint: str) -> str:
    """Return whose telephone an endpoint is."""
    return endpoint.removesuffix(_WEB)


def is_web(endpoint: str) -> bool:
    """Return whether an endpoint, or the name of one of its channels, is a browser telephone's."""
    return f"{_WEB}-" in f"{endpoint}-"


def endpoints_of(operator: str) -> tuple[str, str]:
    """Return an operator's endpoints, the one first that is rung if both are there."""
    return web_endpoint(operator), operator
