"""A stored event of a call as one line for people."""

from collections.abc import Mapping
from typing import Any


def told(story: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> list[str]:
    """The events and decisions of a call's story in the order of time, a line each."""
    entries = [(each["at"], line(each, texts)) for each in story["events"]]
    entries += [(each["at"], f"decision: {each['reason']}") for each in story["decisions"]]
    entries.sort(key=lambda entry: entry[0])
    return [f"  {at:%H:%M:%S}.{at.microsecond // 1000:03}  {words}" for at, words in entries]


def line(event: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> str:
    """`texts`: language and prompt id to what is said."""
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
            return f"has chosen {data['language']}"
        case "hours":
            return f"the line is {data['why']}"
        case "waiting":
            topic = f" about {data['topic']}" if data.get("topic") else ""
            return f"waits for an operator who speaks {data['language']}{topic}"
        case "offered":
            return f"is offered to operator {data['operator']}, whose telephone is called"
        case "offer_ended":
            return f"operator {data['operator']}: {data['state'].replace('_', ' ')}"
        case "connected":
            return f"talks to operator {data['operator']}"
        case "conversation_ended":
            by = {"caller": "the caller hung up", "operator": "the operator hung up", "lost": "a telephone was lost"}
            return f"the conversation is over: {by.get(data['by'], data['by'])}"
        case "asked":
            return f"gives {data['name'].replace('_', ' ')} {data['digits']}"
        case "callback":
            return f"wishes to be called back on {data['number']}"
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
    return f"{event['kind']} {data}"


def _as_file(data: Mapping[str, Any]) -> str:
    return f", which is file {data['reference']}" if data.get("reference") else ""
