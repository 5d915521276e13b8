"""Edits: what a page changes in the site's files, as plain data."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_EDITS = 2000
"""Edits of one change."""
_LONGEST_TEXT = 2000

SiteFile = Annotated[
    str, Field(max_length=80, description="A file of the site, such as `site.toml` or `guide/visa.yaml`.")
]
Place = Annotated[
    list[Annotated[str, Field(max_length=100)] | Annotated[int, Field(ge=0, le=10_000)]],
    Field(
        min_length=1,
        max_length=8,
        description="Names and indexes that lead to the value; an index one past the end adds to a list.",
    ),
]


class Edit(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class YamlEdit(Edit):
    """A value in one of the site's YAML files. Comments and the rest of the file stay."""

    kind: Literal["yaml"]
    file: SiteFile
    place: Place
    value: Any = Field(None, description="A text, number, list or mapping; null removes what is there.")


class TomlEdit(Edit):
    """A value in `site.toml`. Comments and the rest of the file stay."""

    kind: Literal["toml"]
    file: SiteFile = "site.toml"
    place: Place
    value: Any = Field(None, description="A text, number, list or table; null removes what is there.")


class RowEdit(Edit):
    """A row of a CSV file, found by its first cell. Other rows stay as they are; a new one is added at the end."""

    kind: Literal["row"]
    file: SiteFile
    row: str = Field(min_length=1, max_length=100, description="The first cell, such as an operator's id.")
    cells: dict[str, Annotated[str, Field(max_length=500)]] | None = Field(
        None, max_length=40, description="By column; those not named stay. Null removes the row."
    )


class LineEdit(Edit):
    """A line of a CSV file, found by its whole text, where several rows may begin alike, such as in `roster.csv`."""

    kind: Literal["line"]
    file: SiteFile
    line: str | None = Field(None, max_length=2000, description="As it is written; null adds a line at the end.")
    new: str | None = Field(None, max_length=2000, description="The line in its place; null removes it.")


class TextEdit(Edit):
    """A text in the catalogue of one language. It is released with the change: a `fuzzy` mark is removed."""

    kind: Literal["text"]
    language: str = Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")
    id: str = Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=80)
    source: str | None = Field(
        None, max_length=_LONGEST_TEXT, description="The English text that it translates; null: as it is."
    )
    text: str | None = Field(
        None, max_length=_LONGEST_TEXT, description="What is spoken; null: as it is. Empty in English: the source."
    )
    removed: bool = Field(False, description="Remove the text from the catalogue.")


class ContentEdit(Edit):
    """The whole content of a file."""

    kind: Literal["content"]
    file: SiteFile
    content: str | None = Field(max_length=1_000_000, description="Null removes the file.")


SiteEdit = Annotated[YamlEdit | TomlEdit | RowEdit | LineEdit | TextEdit | ContentEdit, Field(discriminator="kind")]


class EditError(Exception):
    """An edit that cannot be made; a sentence that says why."""
