"""Asking several parts of the line at once, so that none that hangs holds up the answer of the others."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

ANSWER_S = 2.0
"""How long a part of the line has to answer `hatif status`, in seconds."""


def ask_all(questions: Mapping[str, Callable[[], Any]], limit_s: float = ANSWER_S) -> dict[str, Any]:
    """Ask each question in a thread of its own; return the answers that came within `limit_s`, by their names.

    What fails is raised here. A thread that still waits is left behind: each question ends by itself sooner or later.
    """
    answers: dict[str, Any] = {}
    failed: list[BaseException] = []

    def ask(name: str, question: Callable[[], Any]) -> None:
        try:
            answers[name] = question()
        except BaseException as error:  # for the thread that asked
            failed.append(error)

    threads = [
        threading.Thread(target=ask, args=item, name=f"asking {item[0]}", daemon=True) for item in questions.items()
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if failed:
        raise failed[0]
    return dict(answers)
