"""The parts into which faults are put, and the tests that concern each."""

import re
from dataclasses import dataclass
from pathlib import Path

_BY_TELEPHONE = re.compile(r"\b(telephones: Telephones|(shared_|lone_)?line: Line|asterisk: RunningAsterisk)")


@dataclass(frozen=True, slots=True)
class Concern:
    """`folders`: of a part's modules; `tests`: patterns of files in `tests/`."""

    folders: tuple[str, ...]
    tests: tuple[str, ...]

    def modules(self, checkout: Path) -> list[Path]:
        """Return the part's modules, in the order of their names."""
        return sorted(path for folder in self.folders for path in (checkout / folder).glob("*.py"))

    def stages(self, checkout: Path) -> tuple[list[Path], list[Path], list[Path]]:
        """Return the files of tests that only compute, of the random callers, and of those on a running line."""
        files = sorted({path for test in self.tests for path in (checkout / "tests").glob(test)})
        random = [path for path in files if "random" in path.name]
        on_a_line = [path for path in files if _BY_TELEPHONE.search(path.read_text(encoding="utf-8"))]
        return [path for path in files if path not in (*random, *on_a_line)], random, on_a_line


def _tests(names: str) -> tuple[str, ...]:
    return tuple(f"*/test_{name}.py" for name in names.split())


_IN_VIRTUAL_TIME = _tests("trial trial_* random_callers")

GROUPS = {
    "ringing": Concern(
        ("ivr/queue",),
        _IN_VIRTUAL_TIME
        + _tests(
            "floor floor_* old_places closing_time calls while_waiting after_the_conversation preferred_operator"
            " fallback_language two_at_once answered_alone returns closing_on_the_line restart hangups"
            " queue_start moves"
        ),
    ),
    "talk": Concern(("ivr/talk",), _IN_VIRTUAL_TIME + _tests("talk_* calls restart codes telephone_killed")),
    "restart": Concern(
        ("ivr/controller", "ivr/model", "ivr/process"),
        _IN_VIRTUAL_TIME
        + _tests(
            "supervisor state reconcile orphaned_rows floor_protocol talk_table connection_health callers_numbers"
            " asterisk_watch work logs in_dialog restart kept_line last_line half_open_calls silent_callers fallback"
            " fallback_* import_on_the_line talk_kills floor_on_line status callbacks_calls one_line codes after_a_gap"
            " hangups carriers guard own_calls telephone_signals"
        ),
    ),
    "codes": Concern(
        ("ivr/codes",),
        _tests("codes codes_table recording_code supervision supervision_* talk_* callbacks_limits one_line case"),
    ),
    "call-backs": Concern(("ivr/callbacks",), _IN_VIRTUAL_TIME + _tests("callbacks_* reconcile api_* codes restart")),
}
"""The parts, in the order in which faults are drawn for them."""
