"""Reading TOML whose values can be used: numbers that fit, and nesting that ends."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

_MOST_BITS = 63
"""Of a number, beside its sign: TOML has no longer ones. Python reads them, but cannot print one of 15,000 bits."""
_LONG_NUMBER = re.compile(r"(?<![\w.\"'])(0x[0-9A-Fa-f_]{16,}|0o[0-7_]{21,}|0b[01_]{63,}|[0-9][0-9_]{18,})(?![\w.])")


def loads(text: str) -> dict[str, Any]:
    """Return the values of a TOML document.

    Raises:
        tomllib.TOMLDecodeError: The text is not TOML, has a number of more than 64 bits, or is nested without end.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("lists or tables are nested too deeply") from None
    except ValueError:  # a decimal number that is too long even for Python
        raise _too_long(text) from None
    if _has_long_number(values):
        raise _too_long(text)
    return values


def _has_long_number(values: Mapping[str, Any]) -> bool:
    left: list[Any] = [values]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
            return True
    return False


def _too_long(text: str) -> tomllib.TOMLDecodeError:
    lines = text.splitlines()
    at = next((f" (at line {number})" for number, line in enumerate(lines, 1) if _LONG_NUMBER.search(line)), "")
    return tomllib.TOMLDecodeError(f"A number has more than 64 bits{at}")
