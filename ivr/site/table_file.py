"""The site's lists as CSV files, `operators.csv` and `roster.csv`: their rows, each with the line where it begins."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ivr.site.findings import Finding, SiteError
from prompts import site_files


def rows(path: Path, columns: Sequence[str], code: str) -> list[tuple[int, list[str]]]:
    """The cells without the blanks around them, of all rows below the first that have anything in a cell.

    Raises FileNotFoundError, and SiteError with a finding of that `code` for a file that is no UTF-8 CSV, or whose
    first line does not name the columns.
    """
    try:
        text = site_files.text(path)
        # Spreadsheets of most European countries separate cells by semicolons.
        semicolons = text.partition("\n")[0].count(";") == len(columns) - 1
        reader = csv.reader(io.StringIO(text), delimiter=";" if semicolons else ",")
        found, line = [], 1
        for row in reader:
            found.append((line, [cell.strip() for cell in row]))
            line = reader.line_num + 1  # a quotation mark that nobody closes makes a row of many lines
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unreadable(path, code, error) from None
    if not found or tuple(found[0][1]) != tuple(columns):
        sentence = f"other columns are named; the first line must be {','.join(columns)}"
        raise SiteError(Finding.told(code, str(path), 1, sentence))
    return [(line, cells) for line, cells in found[1:] if any(cells)]


def unreadable(path: Path, code: str, error: Exception) -> SiteError:
    sentence = f"cannot be read ({error}); it must be a UTF-8 CSV file"
    return SiteError(Finding.told(code, str(path), 1, sentence))
