"""Texts that node kinds say since a later version: they come with the program, for sites that were made before it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from prompts.yaml_places import LOADER

_FILE = Path(__file__).parent / "data" / "added_texts.yaml"


@dataclass(frozen=True, slots=True)
class AddedText:
    """One text of the program. `beside`: the id of a text that each site has which needs it."""

    beside: str
    texts: Mapping[str, str]  # by language


@functools.cache
def load() -> Mapping[str, AddedText]:
    """Return the texts that come with the program, by id."""
    read: dict[str, dict[str, str]] = yaml.load(_FILE.read_text("utf-8"), Loader=LOADER)  # noqa: S506 - a safe loader
    return {text: AddedText(entry.pop("beside"), entry) for text, entry in read.items()}
