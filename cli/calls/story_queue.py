"""Events of waiting for an operator as lines of `hatif call ID`, up to the conversation and its end."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cli.output import local

_ENDED = {
    "caller": "the caller hung up",
    "operator": "the operator hung up",
    "lost": "a telephone was lost",
    "transfer": "the caller is transferred",
}
"""How a conversation ended, by whom or what ended it."""


def format_event(event: Mapping[str, Any]) -> str | None:
    """Return an event as a sentence, None for an event of another kind."""
    data: Mapping[str, Any] = event["data"]
    match event["kind"]:
        case "waiting":
            topic = f" about {data['topic']}" if data.get("topic") else ""
            return f"waits for an operator who speaks {data['language']}{topic}"
        case "waiting_again":
            topic = f" about {data['topic']}" if data.get("topic") else ""
            return f"waits again, for an operator who speaks {data['language']}{topic}"
        case "moved":
            to = ["to the front"] if data["front"] else []
            to += [f"to {name} {data[name]}" for name in ("language", "topic", "operator") if data.get(name)]
            return f"{data['by']} moves them {' and '.join(to)}"
        case "queue_left":
            return "no longer waits: chose something else"
        case "place":
            wait = f", wait {data['wait'].replace('_', ' ')} min" if data.get("wait") else ""
            announced = "hears" if data["earned"] else "does not hear (the estimate has not earned it)"
            return f"{announced} their position: {data['position']}{wait}"
        case "returned":
            since = local(datetime.fromtimestamp(data["since"], UTC))
            return f"gets back the position of call {data['call']}, waiting since {since:%H:%M:%S}"
        case "other_language":
            why = "nobody on duty speaks their language" if data["nobody"] else "they have waited long"
            return f"is offered {', '.join(data['languages'])}, since {why}"
        case "last_calls":
            return "hears that their turn will probably come after closing time"
        case "offered":
            return f"is offered to operator {data['operator']}, whose telephone rings"
        case "offer_ended":
            return f"operator {data['operator']}: {data['state'].replace('_', ' ')}"
        case "connected":
            return f"talks to operator {data['operator']}"
        case "conversation_ended":
            return f"the conversation is over: {_ENDED.get(data['by'], data['by'])}"
    return None
