"""The story of a call for people: a line for each event and each routing decision."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ivr.cli.calls import story_callbacks, story_talk
from ivr.cli.output import local


def format_story(story: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> list[str]:
    """Return the events and decisions of a call, ordered by time, one line each.

    `story`: a `db.read.CallStory` as a dictionary; `texts`: the text of each prompt, by language and prompt id.
    """
    entries = [(event["at"], format_event(event, texts)) for event in story["events"]]
    entries += [(decision["at"], format_decision(decision)) for decision in story["decisions"]]
    entries += [(decision["at"], format_lost_turn(decision)) for decision in story["went_to_others"]]
    entries.sort(key=lambda entry: entry[0])
    return [f"  {local(at):%H:%M:%S}.{at.microsecond // 1000:03}  {sentence}" for at, sentence in entries]


def format_decision(decision: Mapping[str, Any]) -> str:
    """Return a decision about this call as a sentence."""
    if decision["kind"] == "wait":
        return str(decision["reason"])
    return f"decision for operator {decision['operator_id']}: {decision['reason']}"


def format_lost_turn(decision: Mapping[str, Any]) -> str:
    """Return a decision for another call, when this one was next in line, as a sentence."""
    data = decision["data"]
    other = data["other_caller"]
    kept = "; the operator was kept for a rare language" if other["held"] else ""
    return (
        f"keeps waiting: operator {decision['operator_id']} gets another caller, who waited {data['waited_s']:.1f} s;"
        f" arriving {other['earlier_s']:.3f} s earlier, this caller would have got the operator{kept}"
    )


def format_event(event: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> str:
    """Return an event as a sentence; most leave out the subject, the caller.

    `texts`: the text of each prompt, by language and prompt id. An event of another release, of an unknown kind or
    with other data, is listed as its kind and its data.
    """
    sentence = None
    with contextlib.suppress(KeyError, TypeError, ValueError):
        sentence = _format(event, texts) or story_talk.format_event(event) or story_callbacks.format_event(event)
    return sentence or ", ".join(
        [
            event["kind"].replace("_", " "),
            *(f"{name.replace('_', ' ')} {value}" for name, value in event["data"].items()),
        ]
    )


def _format(event: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> str | None:
    """Return an event of the flow or the queue as a sentence, None for an event of another kind."""
    data, node = event["data"], event["flow_node"]
    match event["kind"]:
        case "node":
            return f"is at {node}{' again, after a restart' if data.get('resumed') else ''}"
        case "prompt":
            prompts = " / ".join(
                f"[{language}] {texts.get((language, prompt), prompt)}" for language, prompt in data["clips"]
            )
            return f"hears {prompts}"
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
            by = {
                "caller": "the caller hung up",
                "operator": "the operator hung up",
                "lost": "a telephone was lost",
                "transfer": "the caller is transferred",
            }
            return f"the conversation is over: {by.get(data['by'], data['by'])}"
        case "asked":
            return f"enters {data['name'].replace('_', ' ')} {data['digits']}"
        case "consent":
            return f"{'agrees' if data['agreed'] else 'does not agree'} to the recording of the conversation"
        case "recorded":
            return "the conversation is recorded"
        case "recording":
            return "records a message after the tone"
        case "message":
            return f"leaves a message of {data['seconds']:.0f} s{_with_reference(data)}"
        case "message_refused":
            return f"cannot leave a message: the limit {data['why']} is reached"
        case "not_recorded":
            return f"the conversation is not recorded: the limit {data['why']} is reached"
        case "recording_failed":
            return f"the message could not be recorded{_with_reference(data)}"
        case "menus_over":
            return f"has been in the menus for {data['minutes']} minutes: the call is ended"
        case "survey":
            return f"answers {data['answer']} to {data['question']}"
        case "resumed":
            return "the controller is back and continues the call"
        case "failed":
            return f"{node} failed; the caller is connected to an operator"
        case "given_back":
            return "the call is given back to the dialplan"
        case "fallback":
            operator = f" with operator {data['operator']}" if data.get("operator") else ""
            return f"was handled by the dialplan, without a controller: {data['status']}{operator}"
        case "ended":
            return f"the call is over: {data['outcome']} (ended by {data['by']})"
    return None


def _with_reference(data: Mapping[str, Any]) -> str:
    return f", which is case {data['reference']}" if data.get("reference") else ""
