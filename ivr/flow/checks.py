"""The errors and warnings of a flow: in each node, and in the paths that callers can take."""

from collections.abc import Collection, Iterator

from ivr.call.node import CHANGE_LANGUAGE, OPERATOR
from ivr.flow import key_meanings, paths
from ivr.flow.file import ROLES, AnyNode, Draft
from ivr.flow.nodes.callback import Callback
from ivr.flow.nodes.guide import GuideNode
from ivr.flow.nodes.language import Language
from ivr.flow.nodes.menu import Menu
from ivr.flow.nodes.queue import Queue
from ivr.flow.nodes.record import Record
from ivr.site import guide as guides
from ivr.site.findings import Finding
from ivr.site.guide import Guide


def check_draft(
    draft: Draft,
    languages: Collection[str] | None = None,
    known_texts: Collection[str] | None = None,
    guide: Guide | None = None,
    used_elsewhere: Collection[str] = (),
) -> list[Finding]:
    """Return all findings, ordered by line. Languages, texts and procedures are not checked if they are None.

    `used_elsewhere`: ids of texts that are used outside this flow.
    """
    found = [*draft.faults, *_check_roles(draft), *_check_announcements(draft, known_texts)]
    for name, node in draft.flow.nodes.items():
        found += _check_node(_Node(draft, name), node, languages, known_texts, guide)
    if guide is not None:
        found += _check_guide(draft, guide, known_texts)
    if not any(item.code in ("E_FLOW_TARGET", "E_FLOW_VALUE", "E_FLOW_TWICE") for item in found):
        found += _check_paths(draft)
        found += _check_keys(draft)
    if not draft.faults:
        found += _check_unused_texts(draft, used_elsewhere)
    return sorted(found, key=lambda item: (item.file != draft.where, item.file, item.line))


class _Node:
    """Makes findings about one node."""

    def __init__(self, draft: Draft, name: str) -> None:
        self.draft, self.name = draft, name

    def finding(self, code: str, found: str, remedy: str, *place: str | int, value: str | None = None) -> Finding:
        line = self.draft.line("nodes", self.name, *place, value=value)
        return Finding(code, self.draft.where, line, found, remedy)


def _check_roles(draft: Draft) -> Iterator[Finding]:
    for role in ROLES:
        node = getattr(draft.flow, role)
        if node and node not in draft.names:
            found = f"{role} is {node!r}, which is not a node"
            yield Finding("E_FLOW_TARGET", draft.where, draft.line(role), found, "name one of the nodes")


def _check_announcements(draft: Draft, known_texts: Collection[str] | None) -> Iterator[Finding]:
    for text in draft.flow.announcements:
        if known_texts is not None and text not in known_texts:
            found = f"announcements has {text!r}, which is in no catalogue"
            line = draft.line("announcements", value=text)
            yield Finding("E_FLOW_TEXT", draft.where, line, found, "write that text")


def _check_node(
    at: _Node,
    node: AnyNode,
    languages: Collection[str] | None,
    known_texts: Collection[str] | None,
    guide: Guide | None,
) -> Iterator[Finding]:
    name = at.name
    for target in dict.fromkeys(node.leads_to()):
        if target not in at.draft.names:
            found = f"{name} leads to {target!r}, which is not a node"
            yield at.finding("E_FLOW_TARGET", found, "write that node", value=target)
    for text in dict.fromkeys(node.texts()):
        if known_texts is not None and text not in known_texts:
            found = f"{name} says {text!r}, which is in no catalogue"
            yield at.finding("E_FLOW_TEXT", found, "write that text", value=text)
    if isinstance(node, Language):
        yield from _check_languages(at, node, languages)
    if isinstance(node, Menu):
        yield from _check_menu(at, node)
    if isinstance(node, Queue):
        yield from _check_offers(at, node)
    if isinstance(node, GuideNode) and guide is not None:
        for problem in guides.guide_problems(node, guide):
            line = at.draft.line("nodes", name, "procedures")
            yield Finding.from_sentence("E_FLOW_PROCEDURE", at.draft.where, line, f"{name}: {problem}")


def _check_languages(at: _Node, node: Language, languages: Collection[str] | None) -> Iterator[Finding]:
    for key, language in node.options.items():
        if languages is not None and language not in languages:
            found = f"this site does not have the language {language!r}"
            remedy = f"use one of {', '.join(languages)}; or restart, if site.toml has it already"
            yield at.finding("E_FLOW_LANGUAGE", found, remedy, "options", key)
        if key in (OPERATOR, CHANGE_LANGUAGE):
            yield _changed_meaning(at, key, "options", key)


def _check_menu(at: _Node, node: Menu) -> Iterator[Finding]:
    usual = {OPERATOR: at.draft.flow.operator, CHANGE_LANGUAGE: at.draft.flow.change_language}
    keys: set[str] = set()
    for index, option in enumerate(node.options):
        if option.key in keys:
            found = f"{at.name}: the key {option.key} is used twice in one menu"
            yield at.finding("E_FLOW_KEY_TWICE", found, "give each option a key of its own", "options", index)
        keys.add(option.key)
        if option.key in usual and option.next != usual[option.key]:
            yield _changed_meaning(at, option.key, "options", index)


def _check_offers(at: _Node, node: Queue) -> Iterator[Finding]:
    for index, offer in enumerate(node.offers):
        target = at.draft.flow.nodes.get(offer.next)
        if target is not None and not isinstance(target, Record | Callback | GuideNode):
            found = f"{at.name} offers waiting callers {offer.next!r}, which is of the kind {target.kind}"
            remedy = "offer a node of the kind record, callback or guide"
            yield at.finding("E_FLOW_OFFER", found, remedy, "offers", index)


def _changed_meaning(at: _Node, key: str, *place: str | int) -> Finding:
    usual = "asks for an operator" if key == OPERATOR else "changes the language"
    found = f"{at.name}: the key {key}, which {usual} everywhere else, does something else here"
    return at.finding("W_FLOW_KEY_MEANING", found, "give that option another key", *place)


def _check_guide(draft: Draft, guide: Guide, known_texts: Collection[str] | None) -> Iterator[Finding]:
    offered = {name for node in draft.flow.nodes.values() if isinstance(node, GuideNode) for name in node.procedures}
    for procedure in guide.procedures.values():
        if procedure.id not in offered:
            if len(draft.flow.nodes) == len(draft.names):  # otherwise a faulty node may offer it
                found = f"no node offers the procedure {procedure.id!r}"
                remedy = f"add it to a guide node of {draft.where}, or delete it"
                yield Finding("W_GUIDE_UNUSED", procedure.file, procedure.line, found, remedy)
        elif known_texts is not None:
            for text in procedure.text_ids:
                if text not in known_texts:
                    found = f"the guide says {text!r}, which is in no catalogue"
                    yield Finding("E_GUIDE_TEXT", procedure.file, procedure.line, found, "write that text")


def _check_paths(draft: Draft) -> Iterator[Finding]:
    flow = draft.flow
    reached = paths.reachable(flow)
    for name in flow.nodes:
        if name not in reached:
            found = f"no caller can reach {name}"
            yield _Node(draft, name).finding("E_FLOW_UNREACHABLE", found, "lead to it or delete it")
    dead_ends = paths.dead_ends(flow)
    for name in dead_ends:
        found = f"from {name}, neither an end nor an operator can be reached"
        yield _Node(draft, name).finding("E_FLOW_NO_END", found, "lead one of its ways to a node of the kind end")
    for names in paths.silent_loops(flow):
        found = f"a caller who presses no key goes round in circles: {', '.join((*names, names[0]))}"
        remedy = "lead one of them to an end, such as by after_help in a menu"
        if names[0] not in dead_ends:  # reported already
            yield _Node(draft, names[0]).finding("E_FLOW_SILENT_LOOP", found, remedy)
    yield from _check_distance(draft)


def _check_keys(draft: Draft) -> Iterator[Finding]:
    for item in key_meanings.disagreements(draft.flow):
        part = "offers" if isinstance(draft.flow.nodes[item.node], Queue) else "options"
        remedy = "callers press keys that they know: give each thing one key in these menus"
        yield _Node(draft, item.node).finding("W_FLOW_KEY_DIFFERS", item.what, remedy, part, item.index)


def _check_distance(draft: Draft) -> Iterator[Finding]:
    flow, away = draft.flow, paths.keys_to_operator(draft.flow)
    if flow.operator not in away:
        found = f"from {flow.operator}, where 0 leads, no operator can be reached"
        remedy = "make it a node of the kind queue, or one that leads to a queue without a key"
        yield Finding("E_FLOW_OPERATOR_FAR", draft.where, draft.line("operator"), found, remedy)
        return
    for name, node in flow.nodes.items():
        if isinstance(node, paths.ASKING) and away.get(name, paths.NEAR + 1) > paths.NEAR:
            keys = f"is {away[name]} keys away from" if name in away else "cannot be reached by keys from"
            remedy = f"at most {paths.NEAR} are allowed: lead back to a menu where 0 asks for an operator"
            yield _Node(draft, name).finding("E_FLOW_OPERATOR_FAR", f"an operator {keys} {name}", remedy)


def _check_unused_texts(draft: Draft, used_elsewhere: Collection[str]) -> Iterator[Finding]:
    used = {*draft.flow.texts, *draft.flow.words, *draft.flow.announcements, *used_elsewhere}
    for text in draft.texts:
        if text not in used:
            found = f"the text {text!r} is never used"
            remedy = "delete it, or name it in announcements"
            yield Finding("W_TEXT_UNUSED", draft.where, draft.line("texts", text), found, remedy)
