"""QR codes of one-time links, for a page and for a terminal."""

from io import StringIO

import segno
from markupsafe import Markup


def qr_svg(text: str) -> Markup:
    """Return a QR code as SVG for a page."""
    code = segno.make(text, micro=False, error="m")
    return Markup(code.svg_inline(scale=5, border=3, dark="#000", light="#fff", svgclass="qr", lineclass=None))  # noqa: S704


def qr_lines(text: str) -> str:
    """Return a QR code for a terminal, two rows of modules to a line."""
    out = StringIO()
    segno.make(text, micro=False, error="l").terminal(out, border=2, compact=True)
    return out.getvalue()
