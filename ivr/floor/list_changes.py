"""Changes of operators that are not states: who is listed, who is planned now, and what an operator speaks. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from routing.states import Operator


def duty_changes(operators: Mapping[str, Operator], planned: tuple[str, ...] | None) -> Iterator[Operator]:
    """Yield the operators whose place on the roster has changed; without a roster (None), all of them are planned."""
    on_duty = frozenset(planned or ())
    for identity, known in list(operators.items()):
        is_planned = planned is None or identity in on_duty
        if known.planned != is_planned:
            yield replace(known, planned=is_planned)


def list_changes(operators: Mapping[str, Operator], listed: Iterable[Operator]) -> Iterator[Operator]:
    """Yield the operators who are new in the list, and those who have other languages or topics in it."""
    for entry in listed:
        known = operators.get(entry.id, entry)
        changed = replace(known, languages=entry.languages, topics=entry.topics)
        if entry.id not in operators or changed != known:
            yield changed


def language_change(known: Operator | None, languages: Mapping[str, int]) -> Operator | None:
    """Return an operator with these languages; None if they have them already, or nobody knows them."""
    if known is None or list(known.languages.items()) == list(languages.items()):
        return None
    return replace(known, languages=dict(languages))
