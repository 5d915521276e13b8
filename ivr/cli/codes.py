"""`hatif dialplan codes`, and clashes of feature codes with other extensions of a running Asterisk."""

from ivr.asterisk.ami import Ami
from ivr.check.code_clashes import find_foreign_clashes
from ivr.cli.composition import Composition
from ivr.cli.output import JSON, as_json, as_table
from ivr.codes import table


def codes(json: bool = JSON) -> None:
    """What operators may dial on their telephones; docs/operators.md says more."""
    dialled = Composition().site.codes.digits
    rows = [
        {"code": dialled.get(name), "name": name, "does": about.does, "argument": about.argument or None}
        for name, about in table.CODES.items()
    ]
    if json:
        as_json(rows)
        return
    cells = ((row["code"] or "off", row["name"], row["does"], row["argument"] or "") for row in rows)
    as_table("Codes", ("code", "name", "does", "digits after it"), cells)


async def loaded_clashes(parts: Composition, ami: Ami) -> list[str]:
    """Sentences about what somebody else has in the context of operators' telephones, or in one that it includes."""
    from dialplan.load import foreign

    return find_foreign_clashes(parts.site.codes.digits, await foreign(ami, "hatif-operators"))
