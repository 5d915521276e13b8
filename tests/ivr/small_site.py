"""A small valid site with audio, for tests that break one thing in it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.check import codes_check
from ivr.codes import table
from ivr.flow.file import read_draft
from ivr.site import guide
from ivr.site.site import Operators
from prompts import manifest

TOML = """\
name = "small"
languages = ["ar", "en"]

[hours]
timezone = "Africa/Casablanca"

[hours.week]
monday = ["08:00-20:00"]

[[carrier]]
name = "one"
hosts = ["127.0.0.2"]

[[number]]
number = "+44800212000"
country = "GB"

[[number]]
number = "+80000212000"

[fallback]
ar = ["en"]
en = ["ar"]

[countries.GB]
languages = ["en", "ar"]
"""
OPERATORS = """\
id,name,languages,topics,supervisor
1001,Ghali Carob,ar:5 en:3,,no
1002,Zoe Laurel,en:5,,no
1901,Lamia Saffron,ar:5 en:4,,yes
"""
ROSTER = """\
operators,days,from,to,valid_from,valid_until,what
1001 1901,mon,08:00,20:00,,,
"""
FLOW = """\
start: language
operator: queue
change_language: language
announcements: [alarm]

nodes:
  language:
    kind: language
    text: language_option
    options: {2: ar, 3: en}
    remembered: go_on_in_language
    next: main
  main:
    kind: menu
    options:
      - {key: 1, text: main_papers, next: papers}
      - {key: 2, text: main_travel, next: queue}
  papers:
    kind: guide
    procedures: [visa]
    back: main
  queue:
    kind: queue
    topic: travel
    next: goodbye
  goodbye:
    kind: end
    text: goodbye

texts:
  main_papers: For papers,
  main_travel: For travel,
  goodbye: Goodbye.
  alarm: Attention.
"""
VISA = """\
status: sample
title: For a visa,
documents: You need your passport.
where: You apply at the consulate.
issuer: The consulate issues it.
duration: It takes ten days.
fee: It costs little.
legal_basis: The rules are in the law.
remarks:
  GB: In Great Britain you need an appointment.
"""
NEEDED = ("fallback_wait", "press_2", "press_3")
_OWN = ("main_papers", "main_travel", "goodbye", "alarm")
_ARABIC = "نَصٌّ."
_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class SmallSite:
    """The folder of the site, and that of its audio."""

    folder: Path
    sounds: Path

    def edit(self, name: str, old: str, new: str) -> str:
        """Change a file of the site at one place; return its new text."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (old, text.count(old))
        changed = text.replace(old, new)
        path.write_text(changed, encoding="utf-8")
        return changed

    def catalogue(self, language: str) -> str:
        """Return the name of a catalogue, for `edit`."""
        return f"locale/{language}/LC_MESSAGES/hatif.po"

    def audio_lasts(self, language: str, prompt: str, seconds: float) -> None:
        """Replace a prompt's audio by silence of this length."""
        for ending in manifest.FORMATS:
            path = self.sounds / language / f"{prompt}-0.{ending}"
            path.write_bytes(bytes(manifest.size(path, seconds)))
        self.heard(language, prompt, file=f"hatif/{language}/{prompt}-0", seconds=seconds)

    def heard(self, language: str, prompt: str, **changes: object) -> None:
        """Change a prompt's entry in the manifest; without changes, remove it."""
        path = self.sounds / "manifest.json"
        listed: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if changes:
            listed[language][prompt] |= changes
        else:
            del listed[language][prompt]
        path.write_text(json.dumps(listed), encoding="utf-8")


def make(home: Path) -> SmallSite:
    """Write the site into an empty folder."""
    site = SmallSite(home / "site", home / "sounds")
    _write(site.folder / "site.toml", TOML)
    _write(site.folder / "operators.csv", OPERATORS)
    _write(site.folder / "roster.csv", ROSTER)
    _write(site.folder / "flow.yaml", FLOW)
    _write(site.folder / "guide" / "visa.yaml", VISA)
    for_codes = table.texts(("ar", "en"), Operators().pauses)
    ids = {
        *read_draft(FLOW, "").flow.texts,
        *guide.SERVICE_TEXTS,
        *NEEDED,
        *for_codes,
        *codes_check.talk_texts(("ar", "en")),
        "talk_topic_travel",
    } - {*_OWN}
    english = {item: f"This is {item.replace('_', ' ')}." for item in sorted(ids)}
    _write(site.folder / "texts.yaml", "texts:\n" + "".join(f"  {name}: {text}\n" for name, text in english.items()))
    own = FLOW.partition("texts:\n")[2] + _guide_texts()
    english |= dict(line.strip().split(": ", 1) for line in own.splitlines())
    audio: dict[str, object] = {}
    for language in ("ar", "en"):
        texts = {item: _ARABIC if language == "ar" else text for item, text in english.items()}
        write_catalogue(site.folder, language, english, {} if language == "en" else texts)
        for ending in manifest.FORMATS:
            path = site.sounds / language / f"all-0.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(manifest.size(path, _SECONDS)))
        audio[language] = {
            item: {"file": f"hatif/{language}/all-0", "text": text, "source": "pico", "seconds": _SECONDS}
            for item, text in texts.items()
        }
    _write(site.sounds / "manifest.json", json.dumps(audio))
    return site


def write_catalogue(folder: Path, language: str, english: dict[str, str], texts: dict[str, str]) -> None:
    entries = [f'msgctxt "{item}"\nmsgid "{english[item]}"\nmsgstr "{texts.get(item, "")}"\n' for item in english]
    head = f'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\nLanguage: {language}\\n"\n'
    _write(folder / "locale" / language / "LC_MESSAGES" / "hatif.po", "\n".join((head, *entries)))


def _guide_texts() -> str:
    lines = [line for line in VISA.splitlines() if not line.startswith(("status", "remarks"))]
    fields = [f"guide_visa_{line}\n" for line in lines if not line.startswith(" ")]
    remarks = [f"guide_visa_remark_{line.strip()[:2].lower()}{line.strip()[2:]}\n" for line in lines if line[0] == " "]
    return "".join((*fields, *remarks))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
