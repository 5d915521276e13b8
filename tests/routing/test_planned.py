"""Operators who are not on the roster now are taken last."""

from dataclasses import replace

from routing_floor import NOW, READY
from test_engine import decide, idle, wants

from routing.engine import Engine


def test_an_operator_not_on_the_roster_is_taken_only_if_no_planned_one_can_be() -> None:
    late = replace(idle("1001", "fr", since=NOW - 900), planned=False)
    dear = idle("1002", "nl", "de", "ar", "fr", level=1)
    assert decide(late, dear, wants("call", "fr", 16)) == [("call", "1002")]
    assert decide(late, dear, wants("call", "fr", 16), wants("other", "fr")) == [("call", "1002"), ("other", "1001")]
    assert decide(late, replace(dear, planned=False), wants("call", "fr", 16)) == [("call", "1001")]


def test_a_change_of_the_roster_counts_at_once() -> None:
    engine, late, other = Engine(), idle("1001", "fr", since=NOW - 900), idle("1002", "fr")
    for operator in (late, other, replace(late, planned=False)):
        engine.set_operator(operator)
    engine.wait(wants("call", "fr"))
    (pair,) = engine.decide(NOW).pairs
    assert pair.operator == "1002"
    engine.set_operator(replace(other, state=READY, since=NOW))
    engine.set_operator(late)
    engine.wait(wants("next", "fr"))
    (pair,) = engine.decide(NOW + 1).pairs
    assert pair.operator == "1001"
