"""Events of the flow's nodes as lines of `hatif call ID`: keys, words, the guide, case files."""

from collections.abc import Mapping
from typing import Any


def format_event(event: Mapping[str, Any]) -> str | None:
    """Return an event as a sentence, None for an event of another kind."""
    data: Mapping[str, Any] = event["data"]
    match event["kind"]:
        case "key":
            if data.get("said"):
                return f"says what key {data['key']} stands for"
            return "presses a key that is not recorded" if data.get("secret") else f"presses {data['key']}"
        case "spoken" if "found" in data:
            about = " or ".join(data["found"]) or "nothing of the guide's"
            return f"says what it is about: {about} ({data['ms']} ms)"
        case "spoken":
            heard = f"for key {data['key']}" if data["key"] is not None else "for none of the options"
            return f"speaks, and is taken {heard} ({data['ms']} ms)"
        case "confirmed":
            return "says or presses yes: that is right" if data["yes"] else "does not confirm what was understood"
        case "silence":
            return "is silent"
        case "help_over":
            return "was helped twice, without success"
        case "case":
            return f"asks for the state of case {data['reference']}: {data['result'].replace('_', ' ')}"
        case "guide":
            return f"hears about {data['procedure']} in the guide: {data['step'].replace('_', ' ')}"
        case "guide_silent":
            return f"asks for {data['procedure']}, which has no audio, and is led to an operator"
        case "guide_request":
            return f"wants {data['procedure']} of the guide in writing, on {data['number']}"
        case "language":
            instead = f" instead of {data['instead_of']}" if data.get("instead_of") else ""
            return f"chooses {data['language']}{instead}"
        case "hours":
            stays = "; the caller has been waiting since before and stays" if data.get("waits") else ""
            returns = "; the caller was cut off before and is served nevertheless" if data.get("returns") else ""
            return f"the line is {data['why']}{stays}{returns}"
        case "asked":
            return f"enters {data['name'].replace('_', ' ')} {data['digits']}"
        case "menus_over":
            return f"has been in the menus for {data['minutes']} minutes: the call is ended"
        case "survey":
            return f"answers {data['answer']} to {data['question']}"
    return None
