"""A stored event of a call as one line for people."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ivr.cli.calls import story_callbacks, story_talk
from ivr.cli.output import local


def told(story: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> list[str]:
    """The events and decisions of a call's story in the order of time, a line each."""
    entries = [(each["at"], line(each, texts)) for each in story["events"]]
    entries += [(each["at"], decided(each)) for each in story["decisions"]]
    entries += [(each["at"], went_to_another(each)) for each in story["went_to_others"]]
    entries.sort(key=lambda entry: entry[0])
    return [f"  {local(at):%H:%M:%S}.{at.microsecond // 1000:03}  {words}" for at, words in entries]


def decided(decision: Mapping[str, Any]) -> str:
    if decision["kind"] == "wait":
        return str(decision["reason"])
    return f"decision for operator {decision['operator_id']}: {decision['reason']}"


def went_to_another(decision: Mapping[str, Any]) -> str:
    """A decision for another call, for which this one was the next."""
    data = decision["data"]
    other = data["other_caller"]
    kept = "; the operator was kept for a rare language" if other["held"] else ""
    return (
        f"waits on: operator {decision['operator_id']} gets another caller, who waited {data['waited_s']:.1f} s;"
        f" had this one come {other['earlier_s']:.3f} s earlier, it would have been he{kept}"
    )


def line(event: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> str:
    """Return an event as a sentence. `texts`: language and prompt id to what is said.

    An event of another release, which this one does not know or knows with other data, is listed as it is.
    """
    words = None
    with contextlib.suppress(KeyError, TypeError, ValueError):
        words = _words(event, texts) or story_talk.line(event) or story_callbacks.line(event)
    return words or ", ".join(
        [
            event["kind"].replace("_", " "),
            *(f"{name.replace('_', ' ')} {value}" for name, value in event["data"].items()),
        ]
    )


def _words(event: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> str | None:
    """Return None for what is told elsewhere."""
    data, node = event["data"], event["flow_node"]
    match event["kind"]:
        case "node":
            return f"is at {node}{' again, after a restart' if data.get('resumed') else ''}"
        case "prompt":
            heard = " / ".join(
                f"[{language}] {texts.get((language, prompt), prompt)}" for language, prompt in data["clips"]
            )
            return f"hears {heard}"
        case "key":
            return "presses a key that is kept secret" if data.get("secret") else f"presses {data['key']}"
        case "silence":
            return "is silent"
        case "help_over":
            return "was helped twice, in vain"
        case "case":
            return f"asks for the state of file {data['reference']}: {data['result'].replace('_', ' ')}"
        case "guide":
            return f"is told of {data['procedure']} in the guide: {data['step'].replace('_', ' ')}"
        case "language":
            instead = f" instead of {data['instead_of']}" if data.get("instead_of") else ""
            return f"has chosen {data['language']}{instead}"
        case "hours":
            stays = "; he waits since before and stays" if data.get("waits") else ""
            again = "; he was cut off before, and is served all the same" if data.get("returns") else ""
            return f"the line is {data['why']}{stays}{again}"
        case "waiting":
            topic = f" about {data['topic']}" if data.get("topic") else ""
            return f"waits for an operator who speaks {data['language']}{topic}"
        case "place":
            said = f", {data['wait'].replace('_', ' ')} min" if data.get("wait") else ""
            earned = "is told" if data["earned"] else "is not told, since it has not earned it,"
            return f"{earned} that he is number {data['position']}{said}"
        case "returned":
            since = local(datetime.fromtimestamp(data["since"], UTC))
            return f"takes his old place, that of call {data['call']}, waiting since {since:%H:%M:%S}"
        case "other_language":
            why = "nobody on duty speaks his" if data["nobody"] else "he has waited long"
            return f"is offered {', '.join(data['languages'])}, since {why}"
        case "last_calls":
            return "is told that his turn will probably come after closing time"
        case "offered":
            return f"is offered to operator {data['operator']}, whose telephone is called"
        case "offer_ended":
            return f"operator {data['operator']}: {data['state'].replace('_', ' ')}"
        case "connected":
            return f"talks to operator {data['operator']}"
        case "conversation_ended":
            by = {
                "caller": "the caller hung up",
                "operator": "the operator hung up",
                "lost": "a telephone was lost",
                "transfer": "he is handed on",
            }
            return f"the conversation is over: {by.get(data['by'], data['by'])}"
        case "asked":
            return f"gives {data['name'].replace('_', ' ')} {data['digits']}"
        case "consent":
            return f"{'agrees' if data['agreed'] else 'does not agree'} that the conversation is recorded"
        case "recorded":
            return "the conversation is recorded"
        case "recording":
            return "speaks after the tone"
        case "message":
            return f"leaves a message of {data['seconds']:.0f} s{_as_file(data)}"
        case "recording_failed":
            return f"the message could not be recorded{_as_file(data)}"
        case "survey":
            return f"answers {data['answer']} to {data['question']}"
        case "resumed":
            return "the controller is back and goes on with the call"
        case "failed":
            return f"{node} could not be done; an operator is called"
        case "given_back":
            return "the dialplan has the call"
        case "fallback":
            with_whom = f" with operator {data['operator']}" if data.get("operator") else ""
            return f"was led by the dialplan, without a controller: {data['status']}{with_whom}"
        case "ended":
            return f"the call is over: {data['outcome']} (ended by {data['by']})"
    return None


def _as_file(data: Mapping[str, Any]) -> str:
    return f", which is file {data['reference']}" if data.get("reference") else ""
