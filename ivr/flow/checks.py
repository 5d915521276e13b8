"""What is wrong or doubtful in a flow: each mistake by itself, and where the ways of callers lead."""

from collections.abc import Collection, Iterator

from ivr.call.node import CHANGE_LANGUAGE, OPERATOR
from ivr.flow import paths
from ivr.flow.file import ROLES, Draft, OneNode
from ivr.flow.nodes.callback import Callback
from ivr.flow.nodes.guide import GuideNode
from ivr.flow.nodes.language import Language
from ivr.flow.nodes.menu import Menu
from ivr.flow.nodes.queue import Queue
from ivr.flow.nodes.record import Record
from ivr.site import guide as guides
from ivr.site.findings import Finding
from ivr.site.guide import Guide


def findings(
    draft: Draft,
    languages: Collection[str] | None = None,
    known_texts: Collection[str] | None = None,
    guide: Guide | None = None,
    said_elsewhere: Collection[str] = (),
) -> list[Finding]:
    """All of them, in the order of their lines. Languages, texts and procedures are unchecked where they are None.

    `said_elsewhere`: ids of texts that something else than this flow says.
    """
    found = [*draft.faults, *_roles(draft), *_announcements(draft, known_texts)]
    for name, node in draft.flow.nodes.items():
        found += _node(_Node(draft, name), node, languages, known_texts, guide)
    if guide is not None:
        found += _guide(draft, guide, known_texts)
    if not any(each.code in ("E_FLOW_TARGET", "E_FLOW_VALUE", "E_FLOW_TWICE") for each in found):
        found += _ways(draft)
    if not draft.faults:
        found += _unsaid(draft, said_elsewhere)
    return sorted(found, key=lambda each: (each.file != draft.where, each.file, each.line))


class _Node:
    """Makes findings about one node."""

    def __init__(self, draft: Draft, name: str) -> None:
        self.draft, self.name = draft, name

    def finding(self, code: str, found: str, remedy: str, *place: str | int, value: str | None = None) -> Finding:
        line = self.draft.line("nodes", self.name, *place, value=value)
        return Finding(code, self.draft.where, line, found, remedy)


def _roles(draft: Draft) -> Iterator[Finding]:
    for role in ROLES:
        node = getattr(draft.flow, role)
        if node and node not in draft.names:
            found = f"{role} is {node!r}, which is no node"
            yield Finding("E_FLOW_TARGET", draft.where, draft.line(role), found, "name one of nodes")


def _announcements(draft: Draft, known_texts: Collection[str] | None) -> Iterator[Finding]:
    for text in draft.flow.announcements:
        if known_texts is not None and text not in known_texts:
            found = f"announcements has {text!r}, which no catalogue has"
            line = draft.line("announcements", value=text)
            yield Finding("E_FLOW_TEXT", draft.where, line, found, "write that text")


def _node(
    at: _Node,
    node: OneNode,
    languages: Collection[str] | None,
    known_texts: Collection[str] | None,
    guide: Guide | None,
) -> Iterator[Finding]:
    name = at.name
    for target in dict.fromkeys(node.leads_to()):
        if target not in at.draft.names:
            found = f"{name} leads to {target!r}, which is no node"
            yield at.finding("E_FLOW_TARGET", found, "write that node", value=target)
    for text in dict.fromkeys(node.texts()):
        if known_texts is not None and text not in known_texts:
            found = f"{name} says {text!r}, which no catalogue has"
            yield at.finding("E_FLOW_TEXT", found, "write that text", value=text)
    if isinstance(node, Language):
        yield from _languages(at, node, languages)
    if isinstance(node, Menu):
        yield from _menu(at, node)
    if isinstance(node, Queue):
        yield from _offers(at, node)
    if isinstance(node, GuideNode) and guide is not None:
        for problem in guides.guide_problems(node, guide):
            line = at.draft.line("nodes", name, "procedures")
            yield Finding.from_sentence("E_FLOW_PROCEDURE", at.draft.where, line, f"{name}: {problem}")


def _languages(at: _Node, node: Language, languages: Collection[str] | None) -> Iterator[Finding]:
    for key, language in node.options.items():
        if languages is not None and language not in languages:
            found = f"the language {language!r} is none of this site"
            remedy = f"it has {', '.join(languages)}: write one of them, or restart, if site.toml has it already"
            yield at.finding("E_FLOW_LANGUAGE", found, remedy, "options", key)
        if key in (OPERATOR, CHANGE_LANGUAGE):
            yield _meaning(at, key, "options", key)


def _menu(at: _Node, node: Menu) -> Iterator[Finding]:
    usual = {OPERATOR: at.draft.flow.operator, CHANGE_LANGUAGE: at.draft.flow.change_language}
    keys: set[str] = set()
    for index, option in enumerate(node.options):
        if option.key in keys:
            found = f"{at.name}: the key {option.key} stands twice in one menu"
            yield at.finding("E_FLOW_KEY_TWICE", found, "give each option a key of its own", "options", index)
        keys.add(option.key)
        if option.key in usual and option.next != usual[option.key]:
            yield _meaning(at, option.key, "options", index)


def _offers(at: _Node, node: Queue) -> Iterator[Finding]:
    for index, offer in enumerate(node.offers):
        target = at.draft.flow.nodes.get(offer.next)
        if target is not None and not isinstance(target, Record | Callback | GuideNode):
            found = f"{at.name} offers {offer.next!r} to who waits, which is of the kind {target.kind}"
            remedy = "offer a node of the kind record, callback or guide"
            yield at.finding("E_FLOW_OFFER", found, remedy, "offers", index)


def _meaning(at: _Node, key: str, *place: str | int) -> Finding:
    usual = "asks for an operator" if key == OPERATOR else "changes the language"
    found = f"{at.name}: the key {key}, which {usual} everywhere else, does something else here"
    return at.finding("W_FLOW_KEY_MEANING", found, "give that option another key", *place)


def _guide(draft: Draft, guide: Guide, known_texts: Collection[str] | None) -> Iterator[Finding]:
    offered = {each for node in draft.flow.nodes.values() if isinstance(node, GuideNode) for each in node.procedures}
    for procedure in guide.procedures.values():
        if procedure.id not in offered:
            if len(draft.flow.nodes) == len(draft.names):  # else it may be offered by a node that is not in order
                found = f"no node offers the procedure {procedure.id!r}"
                remedy = f"add it to a guide node of {draft.where}, or delete it"
                yield Finding("W_GUIDE_UNUSED", procedure.file, procedure.line, found, remedy)
        elif known_texts is not None:
            for text in procedure.text_ids:
                if text not in known_texts:
                    found = f"the guide says {text!r}, which no catalogue has"
                    yield Finding("E_GUIDE_TEXT", procedure.file, procedure.line, found, "write that text")


def _ways(draft: Draft) -> Iterator[Finding]:
    flow = draft.flow
    reached = paths.reached(flow)
    for name in flow.nodes:
        if name not in reached:
            found = f"no caller can reach {name}"
            yield _Node(draft, name).finding("E_FLOW_UNREACHABLE", found, "lead to it or delete it")
    endless = paths.endless(flow)
    for name in endless:
        found = f"neither an end nor an operator can be reached from {name}"
        yield _Node(draft, name).finding("E_FLOW_NO_END", found, "lead one of its ways to a node of the kind end")
    for names in paths.silent_rounds(flow):
        found = f"a caller who presses no key goes round for ever: {', '.join((*names, names[0]))}"
        remedy = "lead one of them to an end, such as by after_help in a menu"
        if names[0] not in endless:  # said already
            yield _Node(draft, names[0]).finding("E_FLOW_SILENT_LOOP", found, remedy)
    yield from _far(draft)


def _far(draft: Draft) -> Iterator[Finding]:
    flow, away = draft.flow, paths.keys_to_operator(draft.flow)
    if flow.operator not in away:
        found = f"from {flow.operator}, where 0 leads, no operator can be reached"
        remedy = "let it be a node of the kind queue, or lead to one without a key"
        yield Finding("E_FLOW_OPERATOR_FAR", draft.where, draft.line("operator"), found, remedy)
        return
    for name, node in flow.nodes.items():
        if isinstance(node, paths.ASKING) and away.get(name, paths.NEAR + 1) > paths.NEAR:
            keys = f"is {away[name]} keys away from" if name in away else "cannot be reached by keys from"
            remedy = f"{paths.NEAR} at most: lead back to a menu where 0 asks for an operator"
            yield _Node(draft, name).finding("E_FLOW_OPERATOR_FAR", f"an operator {keys} {name}", remedy)


def _unsaid(draft: Draft, said_elsewhere: Collection[str]) -> Iterator[Finding]:
    said = {*draft.flow.texts, *draft.flow.announcements, *said_elsewhere}
    for text in draft.texts:
        if text not in said:
            found = f"nothing says the text {text!r}"
            remedy = "delete it, or name it in announcements"
            yield Finding("W_TEXT_UNUSED", draft.where, draft.line("texts", text), found, remedy)
