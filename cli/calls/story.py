"""The story of a call for people: a line for each event and each routing decision."""

import contextlib
from collections.abc import Mapping
from typing import Any

from cli.calls import story_callbacks, story_menus, story_queue, story_recording, story_talk
from cli.output import local

_PARTS = (story_menus, story_queue, story_recording, story_talk, story_callbacks)


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
        sentence = _sentence(event, texts)
    return sentence or ", ".join(
        [
            event["kind"].replace("_", " "),
            *(f"{name.replace('_', ' ')} {value}" for name, value in event["data"].items()),
        ]
    )


def _sentence(event: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> str | None:
    """Return an event as a sentence, None for an unknown kind. Raises KeyError, TypeError, ValueError."""
    return _of_the_call(event, texts) or next(filter(None, (part.format_event(event) for part in _PARTS)), None)


def _of_the_call(event: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> str | None:
    """Return an event of the call itself as a sentence, None for an event of another kind."""
    data, node = event["data"], event["flow_node"]
    match event["kind"]:
        case "node":
            return f"is at {node}{' again, after a restart' if data.get('resumed') else ''}"
        case "prompt":
            prompts = " / ".join(
                f"[{language}] {texts.get((language, prompt), prompt)}" for language, prompt in data["clips"]
            )
            return f"hears {prompts}"
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
