"""What operators see of one another."""

from collections.abc import Mapping

from desk.live.fragments import Values
from desk.live.picture import Picture


def read_colleagues(picture: Picture) -> Mapping[str, Values]:
    """Return all operators, each with what colleagues see."""
    return {
        operator.id: {
            "id": operator.id,
            "name": operator.name,
            "state": operator.state if picture.connected else "unknown",
            "reason": operator.reason if operator.state == "paused" else None,
            "languages": tuple(operator.languages),
            "topics": operator.topics,
            "is_supervisor": operator.supervisor,
            "is_busy": operator.on_line,
        }
        for operator in picture.operators.values()
    }
