"""A small flow, as a file, and what is wrong with it once a test has changed it."""

from pathlib import Path

from site_files import refusal

from ivr.flow import checks, model
from ivr.flow.file import read_draft
from ivr.queue import wait_announcements
from ivr.site import guide
from ivr.site.findings import Finding
from prompts.sources import GUIDE_FIELDS

FLOW = """\
start: language
operator: queue
change_language: language
silence_s: 5

nodes:
  language:
    kind: language
    text: language_option
    options: {1: ar, 2: fr}
    next: main
  main:
    kind: menu
    options:
      - {key: 1, text: main_file, next: queue}
      - {key: 2, text: main_travel, next: queue}
  queue:
    kind: queue
    topic: file
    next: goodbye
  goodbye:
    kind: end
    text: goodbye
"""
TEXTS = {
    *(
        "language_option",
        "main_file",
        "main_travel",
        "goodbye",
        "help_silence",
        "help_hold",
        "help_wrong_key",
        "menus_over",
    ),
    *("key_1", "key_2", "to_operator", "operator_gone", *wait_announcements.TEXTS),
}


VISA = guide.Procedure(
    "visa",
    guide.ProcedureStatus.SAMPLE,
    {field: (f"guide_visa_{field}",) for field in GUIDE_FIELDS},
    {"FR": ("guide_visa_remark_fr",)},
    "guide/visa.yaml",
    3,
)
GUIDE = guide.Guide({"visa": VISA})


def flow_refusal(text: str) -> list[tuple[int, str]]:
    return refusal(lambda: model.parse(text, "flow.yaml", ("ar", "fr"), TEXTS | {"press_1"}), Path("flow.yaml"))


def findings(text: str, known: set[str] | None = None, procedures: guide.Guide | None = None) -> list[Finding]:
    return checks.check_draft(read_draft(text, "flow.yaml"), ("ar", "fr"), known, procedures)
