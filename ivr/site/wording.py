"""Texts of the site's files that must be written in one way, refused with words instead of a regular expression."""

import re

from pydantic import AfterValidator

NUMBER = "write it with its + and country code, such as +33612345678"
COUNTRY = "write two capital letters, such as NL"
LANGUAGE = "write the code of a language, such as fr"
MAIL_ADDRESS = "write an e-mail address, such as office@example.org"
NAME = "write lower-case letters, digits, _ and -, at most 31"


def written_as(pattern: str, remedy: str) -> AfterValidator:
    """Return a validator for texts that match the whole pattern; `remedy` says how to write one."""
    shape = re.compile(pattern)

    def check(text: str) -> str:
        if shape.fullmatch(text) is None:
            raise ValueError(f"found {repr(text)[:80]}; {remedy}")
        return text

    return AfterValidator(check)


def plain_word(longest: int | None = None) -> str:
    """Return how to write a name of our own words, such as a node's."""
    most = f", at most {longest}" if longest else ""
    return f"write lower-case letters, digits and _, beginning with a letter{most}"
