"""`every` runs each of its cases, and says which have failed."""

import pytest
from every import every


def test_every_case_is_tried_and_those_that_fail_are_named() -> None:
    tried = []

    @every(("number", "word"), [(1, "a"), (2, "b"), (3, "c")])
    @every("more", {4: None, 5: None})
    def holds(number: int, word: str, more: int, there: str) -> None:
        tried.append((number, word, more, there))
        assert number == 2, word

    with pytest.raises(ExceptionGroup, match="2 of 3 cases") as failed:
        holds(there="a fixture")
    assert tried == [
        (number, word, more, "a fixture") for number, word in ((1, "a"), (2, "b"), (3, "c")) for more in (4, 5)
    ]
    notes = [error.__notes__ for error in failed.value.exceptions]
    assert notes == [["with {'number': 1, 'word': 'a'}"], ["with {'number': 3, 'word': 'c'}"]]
