"""`hatif monitor` beside a running line: what it tells of real calls, and that it names none of the callers."""

import asyncio
import json
import urllib.error
from typing import Any

from asked import DIRECT
from forked_programs import start_hatif
from line import FRENCH_NUMBER, Line
from metric_names import ASTERISK, ours, used
from prometheus_client.parser import text_string_to_metric_families

from ivr.softphone.telephone import Telephones

CALLER, LEAVES = "+33699000111", "+33699000222"


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with DIRECT.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


class Watched:
    """What the monitor of a line tells."""

    def __init__(self, line: Line) -> None:
        self.port = 8071 + line.offset

    def value(self, name: str, **labels: str) -> float | None:
        for family in text_string_to_metric_families(get(self.port, "/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return None

    def health(self) -> tuple[int, Any]:
        status, text = get(self.port, "/health")
        return status, json.loads(text or "{}")


async def test_calls_are_told_as_they_are_and_no_caller_is_named(line: Line, telephones: Telephones) -> None:
    watched = Watched(line)
    process = await asyncio.to_thread(start_hatif, ("monitor",), line.environment, 2)
    try:
        await line.until(lambda: watched.health()[0] == 200, 20, "the line is healthy")

        def ended(outcome: str) -> float:
            return watched.value("hatif_calls_ended_total", language="fr", outcome=outcome) or 0.0

        answered, left = ended("answered"), ended("left_menu")
        assert get(watched.port, "/metrics")[1].count("\nhatif_") > 100

        await line.phone(telephones, "1018", answers=1870.0)
        call = await line.asks_for_operator(telephones, CALLER)
        await call.hears_tone(1870.0, 12)
        await line.until(lambda: watched.value("hatif_calls", state="talking") == 1, 8, "a call is up")
        assert watched.value("hatif_operators", state="talking") == 1
        _, text = get(8088 + line.offset, "/metrics")
        assert used(text) >= ASTERISK and CALLER.strip("+") not in text
        await call.hangup()
        other = await line.dial(telephones, LEAVES)
        await other.press("2")
        await other.hangup()
        await line.until(
            lambda: (ended("answered"), ended("left_menu")) == (answered + 1, left + 1), 12, "both counted"
        )

        _, text = get(watched.port, "/metrics")
        told = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
        assert not told - ours() and CALLER.strip("+") not in text and LEAVES.strip("+") not in text
        assert watched.value("hatif_number_calls_ended_total", number=FRENCH_NUMBER, outcome="answered")
        assert watched.value("hatif_answer_seconds_count", language="fr")
        assert watched.value("hatif_guard_channels_taken_total") is not None
        assert watched.value("hatif_process_up", process="ivr") == 1
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
