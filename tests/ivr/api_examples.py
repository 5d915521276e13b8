"""Sends the control API what its description allows and forbids, and compares the answers with it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import requests
from hypothesis import HealthCheck, Phase, given, settings
from line import Line
from schemathesis import GenerationMode, openapi
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from ivr.home import credentials

CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


UNTRIED = {
    "/v1/events": "it does not end",
    "/v1/operators/{operator}/telephone_password": "a program of its own runs for seconds each time",
}


def session(line: Line) -> requests.Session:
    """A client that has the token; the proxy of the environment is not for it."""
    made = requests.Session()
    made.trust_env = False
    made.headers["Authorization"] = f"Bearer {credentials.load(line.home, ()).control_token}"
    return made


def operations(line: Line, client: requests.Session) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    """Every operation that the line itself describes, but those of UNTRIED."""
    base = f"http://127.0.0.1:{8070 + line.offset}"
    description = client.get(f"{base}/v1/openapi.json", timeout=5).json()
    schema = openapi.from_dict(description)
    schema.config.update(base_url=base)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path not in UNTRIED:
            yield operation


def check(line: Line, mode: str, examples: int) -> Counter[int]:
    """Send examples of every operation, compare each answer with the description, and return the statuses."""
    seen, statuses, known = len(line.logged()), Counter[int](), line.operators[0].id
    with session(line) as client:
        token = client.headers["Authorization"]
        for operation in operations(line, client):

            @settings(
                max_examples=examples,
                derandomize=True,
                deadline=None,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
            def one(case: Any) -> None:
                if case.path_parameters.get("operator") and statuses.total() % 2:
                    case.path_parameters["operator"] = known  # otherwise there is hardly ever one with that id
                # Also where an example has a wrong token: that check has tests of its own.
                answer = case.call(session=client, headers={"Authorization": token}, timeout=10)
                statuses[answer.status_code] += 1
                assert answer.status_code != 500, (case.method, case.formatted_path, answer.text)
                case.validate_response(answer, checks=CHECKS)

            one()
    assert "Traceback" not in line.logged(seen)
    return statuses
