"""A small flow, as a file, and what is wrong with it once a test has changed it."""

from pathlib import Path

from site_files import refusal

from ivr.flow import checks, model
from ivr.flow.file import read_draft
from ivr.queue import wait_announcements
from ivr.site import guide
from ivr.site.findings import Finding

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
    *("language_option", "main_file", "main_travel", "goodbye", "help_silence", "help_wrong_key", "to_operator"),
    *("press_1", "press_2", "operator_gone", *wait_announcements.TEXTS),
}


GUIDE = guide.Guide({"visa": guide.Procedure("visa", guide.Status.SAMPLE, ("FR",), "guide/visa.yaml", 3)})


def flow_refusal(text: str) -> list[tuple[int, str]]:
    return refusal(lambda: model.parse(text, "flow.yaml", ("ar", "fr"), TEXTS), Path("flow.yaml"))


def findings(text: str, known: set[str] | None = None, procedures: guide.Guide | None = None) -> list[Finding]:
    return checks.check_draft(read_draft(text, "flow.yaml"), ("ar", "fr"), known, procedures)
