"""Many small cases in one test: pytest's own work for each test, in all of its processes, takes longer than they do."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any


def every(names: str | Sequence[str], values: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test with each of `values`, as `pytest.mark.parametrize` does; one failure says all that have failed.

    Its fixtures are made once for all of them.
    """
    parameters, cases = [names] if isinstance(names, str) else list(names), list(values)
    assert cases, "a test that cannot fail"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def run(**fixtures: Any) -> None:
            failures = []
            for case in cases:
                given = dict(zip(parameters, [case] if isinstance(names, str) else case, strict=True))
                try:
                    test(**given, **fixtures)
                except Exception as error:
                    error.add_note(f"with {given}")
                    failures.append(error)
            if failures:
                raise ExceptionGroup(f"{len(failures)} of {len(cases)} cases", failures)

        signature = inspect.signature(test)
        others = [parameter for name, parameter in signature.parameters.items() if name not in parameters]
        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return run

    return decorate
