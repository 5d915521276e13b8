"""Values in YAML and TOML files: set with the comments kept, and read back to see that nothing else changed."""

import io
import re
import tomllib
from collections.abc import Sequence
from typing import Any

import tomlkit
import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError as CommentedYamlError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError

from ivr.site_changes.edits import EditError
from ivr.site_changes.merging import merge
from ivr.site_changes.values import assign
from prompts import toml_values
from prompts.yaml_places import MISREAD, compose, misread, refusal

_WIDEST = 100_000
"""Columns of a line: a text stays in one line."""
_LONGEST_LINE = 5_000
"""Of TOML: reading a key of very many parts would take minutes."""


def set_in_yaml(file: str, text: str, place: Sequence[str | int], value: Any) -> str:
    """Return a YAML document with a value set at `place`; None removes it. Raises EditError."""
    expected = _yaml_data(file, text)
    assign(expected, place, value)
    formatter = _formatter()
    try:
        document = formatter.load(text)
        before = _dumped(formatter, document)
        assign(document, place, value, _unambiguous)
        after = _dumped(formatter, document)
    except (CommentedYamlError, ValueError, RecursionError) as error:
        raise EditError(f"{file} cannot be changed here ({str(error).partition(chr(10))[0]}).") from None
    # The formatter has a style of its own: only what the edit changed is taken from it.
    merged = merge(before, text, after)
    for candidate in (merged, after):
        if candidate is not None and _yaml_data(file, candidate) == expected:
            return candidate
    raise EditError(f"{file} cannot be changed here without changing more; edit the file itself.")


def set_in_toml(file: str, text: str, place: Sequence[str | int], value: Any) -> str:
    """Return a TOML document with a value set at `place`; None removes it. Raises EditError."""
    if any(len(line) > _LONGEST_LINE for line in text.splitlines()):
        raise EditError(f"{file} has a line of more than {_LONGEST_LINE:,} characters; edit the file itself.")
    try:
        expected = toml_values.loads(text)
        document = tomlkit.parse(text)
    except (tomllib.TOMLDecodeError, TOMLKitError, RecursionError) as error:
        raise EditError(f"{file} is not TOML ({error}); correct the file first.") from None
    assign(expected, place, value)
    try:
        after = _with_table(text, place, value) or _with_value(document, place, value)
        same = toml_values.loads(after) == expected
    except (TOMLKitError, ValueError, TypeError, RecursionError) as error:
        raise EditError(f"{file} cannot be changed here ({error}).") from None
    if not same:
        raise EditError(f"{file} cannot be changed here without changing more; edit the file itself.")
    return after


def _with_value(document: TOMLDocument, place: Sequence[str | int], value: Any) -> str:
    assign(document, place, value)
    return tomlkit.dumps(document)


def _with_table(text: str, place: Sequence[str | int], value: Any) -> str | None:
    """Return the text with one more table of a list such as `[[number]]`, right below the last one; else None.

    The library would put it below the comments of what follows.
    """
    if len(place) != 2 or not isinstance(value, dict):
        return None
    name, index = place
    lines = text.splitlines(keepends=True)
    heads = [number for number, line in enumerate(lines) if line.split("#")[0].strip() == f"[[{name}]]"]
    if not heads or index != len(heads):
        return None
    own = re.compile(rf"\s*\[\[?\s*{re.escape(str(name))}\.")
    after = range(heads[-1] + 1, len(lines))
    end = next((n for n in after if lines[n].lstrip().startswith("[") and not own.match(lines[n])), len(lines))
    while end > heads[-1] + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    table = tomlkit.dumps({str(name): [value]})
    newline = "" if lines[end - 1].endswith("\n") else "\n"
    return "".join([*lines[:end], newline, "\n", table, *lines[end:]])


def _yaml_data(file: str, text: str) -> Any:
    tree: yaml.Node | None = None
    try:
        tree = compose(text)  # refuses aliases, giant numbers, and nesting without end
        return yaml.safe_load(text)
    except (yaml.YAMLError, *MISREAD) as found:
        error = found if isinstance(found, yaml.YAMLError) else misread(tree, found)
        line, what = refusal(error, text)
        raise EditError(f"{file}:{line}: {what}.") from None


def _formatter() -> YAML:
    formatter = YAML(typ="rt")
    formatter.preserve_quotes = True
    formatter.width = _WIDEST
    formatter.allow_duplicate_keys = False
    formatter.indent(mapping=2, sequence=4, offset=2)
    return formatter


def _dumped(formatter: YAML, document: Any) -> str:
    out = io.StringIO()
    formatter.dump(document, out)
    return out.getvalue()


def _unambiguous(value: Any) -> Any:
    """Quote the texts that the site's reader would take for something else, such as NO."""
    if isinstance(value, dict):
        return {_unambiguous(key): _unambiguous(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unambiguous(item) for item in value]
    if isinstance(value, str):
        try:
            compose(value)  # refuses what would take long to read
            plain = yaml.safe_load(value) == value
        except (yaml.YAMLError, *MISREAD):
            plain = False
        return value if plain else DoubleQuotedScalarString(value)
    return value
