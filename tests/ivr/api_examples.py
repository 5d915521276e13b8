"""Sends the control API what its description allows and forbids, and compares the answers with it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import requests
from hypothesis import HealthCheck, Phase, given, settings
from line import Line
from schemathesis import GenerationMode, openapi
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from ivr.home import credentials

Operation: TypeAlias = APIOperation[Any, Any, Any, Any]

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


def operations(line: Line, client: requests.Session) -> Iterator[Operation]:
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


def drawn(operation: Operation, mode: str, examples: int) -> list[Any]:
    """Return so many examples by lot, the same in each run. `mode`: `positive` are allowed, `negative` are not."""
    cases = []

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    def collect(case: Any) -> None:
        cases.append(case)

    collect()
    return cases


def fixed(operation: Operation, examples: int) -> list[Any]:
    """Return so many examples of what is allowed, and as many with one mistake each, from all over a request.

    They are boundary values, far cheaper than drawn ones, which only stand in where there are fewer allowed ones.
    """
    config = operation.schema.config.generation_for(operation=operation)
    known: dict[GenerationMode, list[Any]] = {mode: [] for mode in GenerationMode}
    for case in operation.schema.iter_coverage_cases(
        operation, generation_modes=list(GenerationMode), generation_config=config
    ):
        if case.method == operation.method.upper():
            known[case.meta.generation.mode].append(case)
    if len(known[GenerationMode.POSITIVE]) < examples:
        known[GenerationMode.POSITIVE] = drawn(operation, "positive", examples)
    return [cases[len(cases) * number // examples] for cases in known.values() for number in range(examples)]


def check(line: Line, examples: Callable[[Operation], Iterable[Any]]) -> Counter[int]:
    """Send examples of every operation, compare each answer with the description, and return the statuses."""
    seen, statuses, known = len(line.logged()), Counter[int](), line.operators[0].id
    with session(line) as client:
        token = client.headers["Authorization"]
        for operation in operations(line, client):
            for case in examples(operation):
                if case.path_parameters.get("operator") and statuses.total() % 2:
                    case.path_parameters["operator"] = known  # otherwise there is hardly ever one with that id
                # Also where an example has a wrong token: that check has tests of its own.
                answer = case.call(session=client, headers={"Authorization": token}, timeout=10)
                statuses[answer.status_code] += 1
                assert answer.status_code != 500, (case.method, case.formatted_path, answer.text)
                case.validate_response(answer, checks=CHECKS)
    assert "Traceback" not in line.logged(seen)
    return statuses
