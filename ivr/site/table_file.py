"""Reading the site's CSV files, such as `operators.csv`: their rows with line numbers."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ivr.site.findings import Finding, SiteError
from prompts import site_files


def rows(path: Path, columns: Sequence[str], code: str) -> list[tuple[int, list[str]]]:
    """Return all non-empty rows after the first, each with its line number, and cells without surrounding spaces.

    Raises:
        FileNotFoundError: The file does not exist.
        SiteError: The file is not UTF-8 CSV, or its first line is not the columns; the finding has this `code`.
    """
    try:
        text = site_files.text(path)
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, code, error) from None
    return parse(text, path, columns, code)


def parse(text: str, path: Path, columns: Sequence[str], code: str) -> list[tuple[int, list[str]]]:
    """Return the rows, as `rows` does, of a file whose content is `text`. Raises SiteError."""
    try:
        # In most European countries, spreadsheets separate cells with semicolons.
        semicolons = text.partition("\n")[0].count(";") == len(columns) - 1
        reader = csv.reader(io.StringIO(text), delimiter=";" if semicolons else ",")
        found, line = [], 1
        for row in reader:
            found.append((line, [cell.strip() for cell in row]))
            line = reader.line_num + 1  # an unclosed quotation mark makes a row of many lines
    except csv.Error as error:
        raise unreadable(path, code, error) from None
    if not found or tuple(found[0][1]) != tuple(columns):
        sentence = f"the columns are wrong; the first line must be {','.join(columns)}"
        raise SiteError(Finding.from_sentence(code, str(path), 1, sentence))
    return [(line, cells) for line, cells in found[1:] if any(cells)]


def unreadable(path: Path, code: str, error: Exception) -> SiteError:
    """Return the error for a file that cannot be read."""
    sentence = f"cannot be read ({error}); it must be a UTF-8 CSV file"
    return SiteError(Finding.from_sentence(code, str(path), 1, sentence))
