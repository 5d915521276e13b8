"""Operators as their colleagues see them."""

from collections.abc import Mapping

from desk.live.fragments import Values
from desk.live.picture import Picture


def read_colleagues(picture: Picture) -> Mapping[str, Values]:
    """Return all operators by id, as colleagues see them."""
    return {
        operator.id: {
            "id": operator.id,
            "name": operator.name,
            "state": picture.state_of(operator),
            "reason": operator.reason if operator.state == "paused" else None,
            "languages": tuple(operator.languages),
            "topics": operator.topics,
            "is_supervisor": operator.supervisor,
            "is_busy": operator.on_line,
        }
        for operator in picture.operators.values()
    }
