"""The picture of a call on the screen, in the README."""

from xml.etree import ElementTree

from cli.processes.screenshot import WIDTH, call_lines, draw

OUTPUT = """\
  Asterisk 22.10.1 (private)
A test telephone (+33612345678, a French mobile) dials +33800212000.
  01:22:16.030  presses 3
The call in the database
id   01a21fbe
\x1b[32mThe caller's telephone heard the other's 1870 Hz.\x1b[0m
\x1b[32mThe operator's telephone heard the other's 1130 Hz.\x1b[0m
"""


def test_the_picture_has_the_call_and_its_verdict_but_no_tables() -> None:
    lines = call_lines(OUTPUT.splitlines())
    assert [line[:16] for line in lines[:2]] == ["A test telephone", "  01:22:16.030  "]
    assert len(lines) == 4


def test_the_picture_fetches_nothing_and_breaks_lines_as_a_terminal_does() -> None:
    picture = draw([*call_lines(OUTPUT.splitlines()), "x" * (WIDTH + 1)], "a call")
    ElementTree.fromstring(picture)
    assert "url(http" not in picture and "@import" not in picture
    assert "x" * WIDTH in picture and "x" * (WIDTH + 1) not in picture
