"""A small site for tests: the example's numbers and operators, a short flow, and a few texts in all languages."""

import os
import shutil
import subprocess
from functools import cache
from io import BytesIO
from pathlib import Path

import warm_up
from babel.messages.pofile import read_po, write_po
from shell import Answer, command

from prompts import manifest, sources

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
PYBABEL = (
    "pybabel extract -F babel.cfg --no-location -o var/hatif.pot sites/consulate",
    "pybabel update -D hatif --ignore-obsolete --ignore-pot-creation-date -i var/hatif.pot -d sites/consulate/locale",
)
"""What `hatif prompts update` does as well, in the folder of a checkout."""
IDS = {
    *(
        "language_option",
        "help_wrong_key",
        "menus_over",
        "to_operator",
        "wait",
        "wait_nobody",
        "operator_gone",
        "goodbye",
        "moment",
    ),
    *("institution", *(f"key_{key}" for key in range(10))),
    *("fallback_wait", "fallback_nobody", "code_unavailable", "closed", *(f"press_{key}" for key in range(10))),
    *(f"position_{place}" for place in (*range(1, 11), "more")),
    *(f"wait_{time}" for time in ("under_2", "about_5", "about_10", "over_15")),
    *("duty_nobody", "duty_again", "last_calls", "language_nobody", "language_busy"),
}


def write(folder: Path) -> Path:
    """Write the small site into a new folder."""
    for name, content in _files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "recordings" / "zgh").mkdir(parents=True)
    return folder


@cache
def _files() -> dict[Path, bytes]:
    """Return the content of its files by path; the catalogues are read and written only once."""
    kept = [f"  {item.id}: {item.text}\n" for item in sources.load(EXAMPLE).values() if item.id in IDS]
    files = {
        **{Path(name): (EXAMPLE / name).read_bytes() for name in ("site.toml", "operators.csv")},
        Path("flow.yaml"): FLOW.encode(),
        Path("texts.yaml"): ("texts:\n" + "".join(kept)).encode(),
    }
    for catalogue in (EXAMPLE / "locale").glob("*/LC_MESSAGES/hatif.po"):
        with catalogue.open("rb") as file:
            texts = read_po(file)
        for message in [message for message in texts if message.id and message.context not in IDS]:
            texts.delete(message.id, message.context)
        written = BytesIO()
        write_po(written, texts)
        files[catalogue.relative_to(EXAMPLE)] = written.getvalue()
    return files


def run(checkout: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell in a folder that looks like a checkout with this site and has its `var`."""
    shell = ["bash", "-euo", "pipefail", "-c", line]
    return subprocess.run(shell, cwd=checkout, env=_environment(checkout), capture_output=True, text=True, check=False)


def quick(line: str) -> str:
    """Return a line whose `hatif` and `pybabel` are forked, and so need not be loaded."""
    folder = warm_up.sockets() / "bin"
    line = line.replace(".venv/bin/pybabel", f"{folder}/python -m babel.messages.frontend")
    return line.replace(".venv/bin/hatif", f"{folder}/hatif")


def hatif(checkout: Path, words: str, **environment: str) -> Answer:
    """Run `hatif` with these words for such a folder, in this process, which saves two seconds of the processor."""
    return command(words.split(), _environment(checkout) | environment)


def _environment(checkout: Path) -> dict[str, str]:
    return os.environ | {"HATIF_HOME": str(checkout / "var"), "HATIF_SITE": str(checkout / "sites/consulate")}


def is_name(prompt: str) -> bool:
    """Return whether the prompt is an operator's name."""
    return prompt.startswith("name_")


def _take_over(sounds: Path) -> None:
    """Reuse the audio that `scripts/test` made with the example's voices, so that only new texts are spoken."""
    made = Path(os.environ.get("HATIF_TEST_CACHE") or ROOT / "var" / "cache") / "sounds"
    sounds.mkdir(parents=True)
    spoken = {
        language: {prompt: audio for prompt, audio in prompts.items() if prompt in IDS or is_name(prompt)}
        for language, prompts in manifest.load_if_any(made / manifest.FILE).prompts.items()
    }
    for language in spoken:
        (sounds / language).mkdir()
    taken = manifest.Manifest(spoken)
    for file in taken.files:
        for path in manifest.paths(made, file):
            os.link(path, sounds / path.relative_to(made))
    (sounds / manifest.FILE).write_bytes(manifest.dump(taken))


def checkout(folder: Path) -> Path:
    """Create such a folder, with the small site in `sites/consulate`."""
    write(folder / "sites" / "consulate")
    _take_over(folder / "var" / "sounds")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    shutil.copy(ROOT / "babel.cfg", folder)
    return folder
