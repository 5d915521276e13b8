"""docs/api.md is generated from the control API's description, and current."""

from pathlib import Path
from typing import Any

import pytest

from ivr.api.app import create_app
from ivr.api.document import render

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return create_app().openapi()


def test_the_page_of_the_control_api_is_current(description: dict[str, Any]) -> None:
    assert PAGE.read_text(encoding="utf-8") == render(description), "run scripts/api-docs"


def test_every_operation_is_below_v1_and_says_what_it_does(description: dict[str, Any]) -> None:
    for path, operations in description["paths"].items():
        assert path.startswith("/v1/")
        for operation in operations.values():
            assert operation["description"].rstrip().endswith(".")


def test_every_request_that_changes_something_names_its_actor(description: dict[str, Any]) -> None:
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            headers = [row["name"] for row in operation.get("parameters", ()) if row["in"] == "header"]
            assert ("Hatif-Actor" in headers) == (method != "get"), (method, path)


def test_every_request_and_answer_is_described_to_its_last_member(description: dict[str, Any]) -> None:
    def check(schema: Any, where: str) -> None:
        if isinstance(schema, dict):
            assert schema != {} and schema.get("additionalProperties") is not True, where
            if schema.get("type") == "object":
                assert "properties" in schema or "additionalProperties" in schema, where
            for name, member in schema.items():
                check(member, f"{where}/{name}")
        elif isinstance(schema, list):
            for member in schema:
                check(member, where)

    for name, schema in description["components"]["schemas"].items():
        check({key: value for key, value in schema.items() if key != "required"}, name)
