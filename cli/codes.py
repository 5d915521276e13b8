"""`hatif dialplan codes`, and clashes of feature codes with other extensions of a running Asterisk."""

from cli.composition import Composition
from cli.output import JSON, as_json, as_table
from dialplan.load import foreign
from ivr.asterisk.ami import Ami
from ivr.check.code_clashes import find_foreign_clashes
from ivr.codes import table


def codes(json: bool = JSON) -> None:
    """List the feature codes that operators can dial; docs/operators.md describes them."""
    dialled = Composition().site.codes.digits
    rows = [
        {"code": dialled.get(name), "name": name, "does": code.does, "argument": code.argument or None}
        for name, code in table.CODES.items()
    ]
    if json:
        as_json(rows)
        return
    cells = ((row["code"] or "off", row["name"], row["does"], row["argument"] or "") for row in rows)
    as_table("Codes", ("code", "name", "does", "digits after it"), cells)


async def loaded_clashes(parts: Composition, ami: Ami) -> list[str]:
    """Return a sentence for each foreign extension in the context of operators' telephones that clashes with a code."""
    return find_foreign_clashes(parts.site.codes.digits, await foreign(ami, "hatif-operators"))
