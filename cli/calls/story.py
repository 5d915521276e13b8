"""The story of a call for people: a line for each event and each routing decision."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cli.output import local


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
    return _of_the_call(event, texts) or next(filter(None, (words(event) for words in _WORDS)), None)


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


def _of_the_flow(event: Mapping[str, Any]) -> str | None:
    """Return an event of the flow's nodes: keys, words, the guide, case files as a sentence; None for another."""
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
        case "consulate" if "city" not in data:
            return "hears that there is no consulate for their country"
        case "consulate":
            what = "the duty number" if data["what"] == "duty" else "address and hours"
            return f"hears {what} of the consulate {data['city']}, {data['country']}"
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


_ENDED = {
    "caller": "the caller hung up",
    "operator": "the operator hung up",
    "lost": "a telephone was lost",
    "transfer": "the caller is transferred",
}
"""How a conversation ended, by whom or what ended it."""


def _of_the_queue(event: Mapping[str, Any]) -> str | None:
    """Return an event of waiting, up to the conversation and its end, as a sentence; None for another."""
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
        case "nobody_on_duty":
            return "hears that nobody who speaks their language is on duty, and the alternatives"
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


def _of_recordings(event: Mapping[str, Any]) -> str | None:
    """Return an event of messages and of recorded conversations as a sentence; None for another."""
    data: Mapping[str, Any] = event["data"]
    match event["kind"]:
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
    return None


def _with_reference(data: Mapping[str, Any]) -> str:
    return f", which is case {data['reference']}" if data.get("reference") else ""


_WAYS = {
    "api": "the control API",
    "keys": "keys",
    "code": "a feature code",
    "refer": "their telephone",
    "telephone": "their telephone",
}


def _of_the_conversation(event: Mapping[str, Any]) -> str | None:
    """Return an event of a conversation as a sentence; None for another."""
    data: Mapping[str, Any] = event["data"]
    by = f"operator {data.get('by')}, by {_WAYS.get(str(data.get('way')), data.get('way'))},"
    match event["kind"]:
        case "held":
            return f"{by} puts the caller on hold"
        case "unheld":
            return f"{by} takes the caller off hold"
        case "recording_paused":
            return f"{by} pauses the recording"
        case "recording_resumed":
            return f"{by} goes on with the recording"
        case "hung_up":
            return f"{by} hangs up"
        case "transferred":
            kind = "operator " if data["to_kind"] == "operator" else ""
            return f"{by} transfers the caller to {kind}{data['to']} (transfer {data['count']} of this call)"
        case "invited":
            return f"{by} calls operator {data['operator']} in ({data['role']})"
        case "joined":
            return f"operator {data['operator']} joins ({data['role']})"
        case "left":
            return f"operator {data['operator']} leaves: {_who_ended(data['by'])}"
        case "swapped":
            return f"{by} changes over to the other party"
        case "cancelled":
            return f"{by} withdraws the request to the colleague"
        case "handed_over":
            return f"operator {data['operator']} takes over the caller from operator {data['by']}"
        case "referred":
            request = f"the telephone of operator {data['by']} asks to connect the caller"
            if not data["attended"]:
                return f"{request} with {data['to']}"
            # In an attended transfer the telephone names its other line, not a number.
            party = f"operator {data['colleague']}" if data.get("colleague") else data["to"] or "its other line"
            return f"{request} with {party}, after talking to them first"
        case "request_refused":
            target = f" {data['target']}" if data["target"] else ""
            return f"{by} requests {data['act']}{target}, which is refused: {data['why'].replace('_', ' ')}"
        case "help_wanted":
            return f"operator {data['operator']} asks for help; no supervisor is available"
        case "help_given":
            return f"operator {data['operator']} asks for help and talks with supervisor {data['supervisor']}"
        case "page_gone":
            return f"the page of operator {data['operator']} is gone; the caller is asked to wait for it"
        case "page_back":
            return f"the page of operator {data['operator']} is back in the call"
        case "bad_audio":
            lost, late = round(100 * data["loss"]), round(1000 * data["jitter_s"])
            return f"operator {data['operator']} hears bad audio: {lost} % of packets lost, jitter {late} ms"
        case "whispered":
            return f"operator {data['operator']} has picked up and hears an announcement of the call"
    return None


def _who_ended(by: str) -> str:
    sentences = {
        "operator": "the operator ended it",
        "colleague": "the colleague hung up",
        "caller": "the caller hung up",
    }
    return sentences.get(by, by)


_WHY_CALLED = {
    "waiting": "requested while waiting",
    "closed": "requested while the line was closed",
    "case": "to announce the state of a case file",
    "operator": "requested by an operator",
}
_FAILURES = {
    "no_key": "nobody pressed a key",
    "no_answer": "nobody answered",
    "busy": "the number was busy",
    "unreachable": "the number could not be reached",
    "lost": "the call was cut off",
}


def _of_callbacks(event: Mapping[str, Any]) -> str | None:
    """Return an event as a sentence without its subject, the caller; None for an event of another kind."""
    data: Mapping[str, Any] = event["data"]
    match event["kind"]:
        case "callback" if "request" in data:
            return f"is called back: {_WHY_CALLED.get(data['kind'], data['kind'])} (request {data['request']})"
        case "callback":
            return f"requests a call-back to {data['number']}"
        case "cut_off":
            return f"was cut off, since Asterisk ended: will be called back (request {data['request']})"
        case "callback_given_up":
            return "requests a call-back, but gives no number that can be called: nothing was noted"
        case "callback_refused":
            return f"requests a call-back to {data['number']}: the limit {data['why']} is reached, nothing was noted"
        case "callback_dialled":
            purpose = f"operator {data['operator']} is waiting" if data["operator"] else "to announce the case's state"
            return f"call-back: dials {data['number']}, attempt {data['try_number']}; {purpose}"
        case "callback_next_server":
            return f"call-back: one server of the carrier did not take it; dials by its {data['server']}. one"
        case "callback_missed":
            then = "another attempt will follow" if data["again"] else "that was the last attempt"
            why = _FAILURES.get(data["outcome"], str(data["outcome"]).replace("_", " "))
            return f"call-back: attempt {data['try_number']} failed, {why}; {then}"
        case "callback_not_asked":
            return f"call-back: the person on {data['number']} had not asked for it"
        case "callback_declined":
            return f"call-back: operator {data['operator']} declined it ({str(data['reason']).replace('_', ' ')})"
        case "callback_expired":
            return f"call-back: given up, {data['reason']}"
        case "case_call_requested":
            return f"asks to be called on {data['number']} when the state of case {data['reference']} changes"
        case "case_call_applicant":
            return f"enters the right PIN of case {data['reference']}, which is locked: {data['number']} is called"
        case "case_call_refused":
            why = str(data["why"]).replace("_", " ")
            return f"asks to be called when the state of case {data['reference']} changes, which is refused: {why}"
    return None


_WORDS = (_of_the_flow, _of_the_queue, _of_recordings, _of_the_conversation, _of_callbacks)
