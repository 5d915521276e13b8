"""A report as PDF, set by Typst with a font that has Latin and Arabic letters."""

import json
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path

import typst

from picture.svg import FONT
from reports.layout import Layout
from reports.request import ReportRequest

FONTS = "fontpkg_ibm_plex_sans_arabic"
"""The package with the font; it has nothing but the font's files."""

_MOST_TAGGED = 100
"""Rows of a report whose PDF has a structure for screen readers. It has an entry for each cell, ten times the rest."""

_FAMILY = "IBM Plex Sans Arabic"
_TEMPLATE = Path(__file__).parent / "templates" / "report.typ"


def make_pdf(request: ReportRequest, layout: Layout) -> bytes:
    """Return a report as PDF. What people wrote is data to Typst, never markup."""
    pictures = [picture.replace(FONT, _FAMILY) for picture in layout.pictures]
    values = {"layout": json.dumps({**asdict(layout), "pictures": pictures}, ensure_ascii=False)}
    made = _compiler().compile(
        input=_TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs=values,
        timestamp=request.now.replace(microsecond=0),
        pdf_tags=layout.rows <= _MOST_TAGGED,
    )
    assert isinstance(made, bytes)
    return made


@cache
def _compiler() -> typst.Compiler:
    folder = str(files(FONTS) / "files")
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[folder])
    return typst.Compiler(font_paths=fonts, ignore_system_fonts=True)
