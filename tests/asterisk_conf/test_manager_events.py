"""Asterisk's manager sends the events that the program handles, and no others."""

import ast
import re
from pathlib import Path

from asterisk_example import example
from places import CHECKOUT

from asterisk_conf.conf import render

_NOT_THE_PROGRAM = ("bench", "tests")


def handled_events() -> set[str]:
    """Return the names of all `….on(NAME, callback)` in the program; one that is not written out raises ValueError."""
    names = set()
    for package in CHECKOUT.glob("*/__init__.py"):
        for path in package.parent.rglob("*.py") if package.parent.name not in _NOT_THE_PROGRAM else ():
            for node in ast.walk(ast.parse(source)) if ".on(" in (source := path.read_text()) else ():
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "on":
                    names.add(ast.literal_eval(node.args[0]))
    return names


def test_no_filter_silences_an_event_that_is_handled(tmp_path: Path) -> None:
    text = render(example(tmp_path))["manager.conf"]
    filters = re.findall(r"^eventfilter(.*)$", text, re.MULTILINE)
    sent = {name[1] for line in filters if (name := re.fullmatch(r"\(name\((\w+)\)\) =", line))}
    assert len(sent) == len(filters), "a filter of another form may silence anything"
    handled = handled_events()
    assert {"ContactStatus", "SuccessfulAuth", "UserEvent"} < handled  # or the search finds nothing
    assert handled == sent
    for disabled in re.findall(r"^disabledevents = (.*)$", text, re.MULTILINE):
        assert not handled & set(disabled.split(","))
