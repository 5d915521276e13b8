"""Writes docs/api.md from the control API's description: `python -m ivr.api.document docs/api.md`."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ivr.api.app import create_app

_HEAD = "<!-- Made by scripts/api-docs from the description that the controller serves; do not edit. -->"
_SHARED = ("400", "401", "408", "413", "415", "421", "422", "500")
_TITLES = {
    "status": "Status and alarms",
    "events": "Events",
    "calls": "Calls and queue",
    "operators": "Operators",
    "hours": "Hours and announcement",
    "holidays": "Holidays",
    "callbacks": "Call-back requests",
    "supervision": "Supervision",
    "try": "Trying the line",
    "training": "Training",
    "flow": "Flow",
    "guide": "Guide",
    "amendments": "Amendments of the guide",
    "site": "Site",
    "site changes": "Changes of the site's files",
}

Schema = Mapping[str, Any]


def render(description: Schema) -> str:
    """Return the page for a description."""
    return "\n".join(_lines(description)).rstrip() + "\n"


def _lines(description: Schema) -> Iterator[str]:
    yield from (_HEAD, "", "# The control API", "", description["info"]["description"], "")
    yield from _example()
    yield from ("Any request can be answered with these problems:", "", "| status | |", "|---|---|")
    for status, response in description["components"]["responses"].items():
        yield f"| {status} | {response['description'].partition('. ')[2]} |"
    by_tag: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    for tag, operations in by_tag.items():
        yield from ("", f"## {_TITLES[tag]}")
        for method, path, operation in operations:
            yield from _operation(method, path, operation)
    yield from ("", "## Data", "", "A member marked * is always there in an answer, and must be there in a request.")
    for name, schema in description["components"]["schemas"].items():
        yield from _model(name, schema)


def _example() -> Iterator[str]:
    yield "```sh"
    yield "token=$(jq -r .control_token var/secrets.json)"
    yield 'curl -s -H "Authorization: Bearer $token" http://127.0.0.1:8070/v1/queue'
    yield 'curl -sN -H "Authorization: Bearer $token" http://127.0.0.1:8070/v1/events'
    yield 'curl -s -X POST -H "Authorization: Bearer $token" -H "Hatif-Actor: $USER" \\'
    yield '    -H "Content-Type: application/json" -d \'{"state": "paused", "reason": "break"}\' \\'
    yield "    http://127.0.0.1:8070/v1/operators/1001/state"
    yield from ("```", "")


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield from ("", f"### {method} {path}", "", operation["description"])
    if parameters := [row for row in operation.get("parameters", ()) if row["name"] != "Hatif-Actor"]:
        yield from ("", "| parameter | in | type | |", "|---|---|---|---|")
        for row in parameters:
            name = f"`{row['name']}`{'*' if row.get('required') else ''}"
            yield f"| {name} | {row['in']} | {_type(row['schema'])} | {_cell(row.get('description', ''))} |"
    notes = []
    if any(row["name"] == "Hatif-Actor" for row in operation.get("parameters", ())):
        notes.append("Needs `Hatif-Actor`.")
    if "requestBody" in operation:
        notes.append(f"Body: {_type(operation['requestBody']['content']['application/json']['schema'])}.")
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            ((media, content),) = response["content"].items()
            notes.append(f"{status}: {_type(content['schema']) if media == 'application/json' else media}.")
    if others := [status for status in operation["responses"] if status[0] != "2" and status not in _SHARED]:
        notes.append(f"Also {', '.join(others)}.")
    yield from ("", " ".join(notes))


def _model(name: str, schema: Schema) -> Iterator[str]:
    yield from ("", f"### {name}")
    if description := schema.get("description"):
        yield from ("", description)
    if "enum" in schema:
        yield from ("", "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".")
    if not (properties := schema.get("properties")):
        return
    yield from ("", "| member | type | |", "|---|---|---|")
    for member, row in properties.items():
        mark = "*" if member in schema.get("required", ()) else ""
        yield f"| `{member}`{mark} | {_type(row)} | {_cell(row.get('description', ''))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _type(schema: Schema) -> str:
    """Return a schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(item) for item in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema['items'])}"
    if kind == "object" and "additionalProperties" in schema:
        return f"map to {_type(schema['additionalProperties'])}"
    if kind == "string":
        limit = f", at most {schema['maxLength']} characters" if "maxLength" in schema else ""
        return {"date-time": "instant", "date": "date"}.get(schema.get("format", ""), f"text{limit}")
    return "true or false" if kind == "boolean" else str(kind)


def main() -> None:
    """Write the page to the file that is named."""
    Path(sys.argv[1]).write_text(render(create_app().openapi()), encoding="utf-8")


if __name__ == "__main__":
    main()
