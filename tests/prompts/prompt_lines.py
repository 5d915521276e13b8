"""A small site for the tests: the example's lines and people, a short flow, and a handful of texts in all languages."""

import os
import shutil
import subprocess
from pathlib import Path

from babel.messages.pofile import read_po, write_po

from prompts import sources

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "sites" / "consulate"
FLOW = """\
start: language
operator: operator
change_language: language
nodes:
  language:
    kind: language
    text: language_option
    options: {1: ar, 2: fr, 3: es, 4: it, 5: nl, 6: de, 7: en}
    next: operator
  operator: {kind: queue, next: goodbye}
  goodbye: {kind: end, text: goodbye}
"""
IDS = {
    *("language_option", "help_wrong_key", "to_operator", "wait", "operator_gone", "goodbye", "moment"),
    *("fallback_wait", "fallback_nobody", "closed", *(f"press_{key}" for key in range(10))),
    *(f"position_{place}" for place in (*range(1, 11), "more")),
    *(f"wait_{time}" for time in ("under_2", "about_5", "about_10", "over_15")),
    *("last_calls", "language_nobody", "language_busy", "stay_on_line"),
}


def write(folder: Path) -> Path:
    """The small site, in a new folder."""
    folder.mkdir(parents=True)
    for name in ("site.toml", "operators.csv"):
        shutil.copy(EXAMPLE / name, folder)
    (folder / "flow.yaml").write_text(FLOW)
    kept = [f"  {each.id}: {each.text}\n" for each in sources.load(EXAMPLE).values() if each.id in IDS]
    (folder / "texts.yaml").write_text("texts:\n" + "".join(kept))
    for catalogue in (EXAMPLE / "locale").glob("*/LC_MESSAGES/hatif.po"):
        with catalogue.open("rb") as file:
            texts = read_po(file)
        for message in [message for message in texts if message.id and message.context not in IDS]:
            texts.delete(message.id, message.context)
        copied = folder / catalogue.relative_to(EXAMPLE)
        copied.parent.mkdir(parents=True)
        with copied.open("wb") as file:
            write_po(file, texts)
    (folder / "recordings" / "zgh").mkdir(parents=True)
    return folder


def run(checkout: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A shell command in a folder that looks like a checkout with this site; its `var` is where all that runs is."""
    environment = os.environ | {"HATIF_HOME": str(checkout / "var"), "HATIF_SITE": str(checkout / "sites/consulate")}
    shell = ["bash", "-euo", "pipefail", "-c", command]
    return subprocess.run(shell, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def checkout(folder: Path) -> Path:
    """Such a folder, with the small site in `sites/consulate`."""
    write(folder / "sites" / "consulate")
    (folder / "var").mkdir()
    (folder / ".venv").symlink_to(ROOT / ".venv")
    shutil.copy(ROOT / "babel.cfg", folder)
    return folder
