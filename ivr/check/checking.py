"""The whole check of a site: all that is wrong or doubtful in any of its files, whatever is wrong in the others."""

import re
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ivr.check.audio_check import audio_findings
from ivr.check.code_clashes import code_clashes
from ivr.check.codes_check import said_text_findings
from ivr.check.hours_check import hours_findings
from ivr.check.roster_check import roster_findings
from ivr.check.site_check import database_findings, language_findings, number_findings, topic_findings, voice_findings
from ivr.flow import checks, model
from ivr.flow.file import Draft, read_draft
from ivr.site import guide as guides
from ivr.site import operators, site
from ivr.site.findings import Finding, SiteError
from ivr.site.guide import Guide, Procedure, Status
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from prompts import catalogue, site_files, sources
from prompts.catalogue import CatalogueError, Catalogues
from prompts.sources import Sources

_CODE = re.compile(r"[a-z]{2,3}")


def check(folder: Path, sounds: Path, needed: Collection[str], voices: Path) -> list[Finding]:
    """All findings about the site in `folder` and its audio in `sounds`, errors first, file by file.

    `needed`: ids of texts that somebody else plays, such as the dialplan's fallback. `voices`: where those are that
    were installed or brought.
    """
    found = _Check(folder, sounds, needed, voices).findings()
    unique = dict.fromkeys(found)
    return sorted(unique, key=lambda each: (not each.is_error, each.file, each.line))


@dataclass(slots=True)
class _Check:
    folder: Path
    sounds: Path
    needed: Collection[str]
    voices: Path
    found: list[Finding] = field(default_factory=list)

    def findings(self) -> list[Finding]:
        site_ = self._site()
        languages = site_.languages if site_ is not None else self._languages_meant()
        people = self._operators(languages)
        guide = self._guide(site_)
        flow = self._draft()
        written, texts = self._texts(site_)
        known = {*written, *(texts.ids if texts is not None else ())}
        if flow is not None:
            self.found += checks.check_draft(flow, languages, known or None, guide, self.needed)
        self._needed(known)
        if site_ is not None:
            self.found += language_findings(self.folder, site_, people, flow)
            self.found += number_findings(self.folder, site_)
            self.found += topic_findings(self.folder, people, flow, known)
            self.found += said_text_findings(self.folder, site_, known)
            self.found += database_findings(self.folder, site_)
            self.found += voice_findings(self.folder, site_, self.voices)
            self.found += hours_findings(site_, self.folder)
            if people is not None:
                self.found += code_clashes(self.folder, site_, people)
                self.found += roster_findings(self.folder, site_, people)
            if texts is not None:
                self.found += audio_findings(texts, self.sounds, self.folder, site_)
        return self.found

    def _site(self) -> Site | None:
        try:
            return site.load(self.folder)
        except SiteError as error:
            self.found += error.findings
        return None

    def _languages_meant(self) -> tuple[str, ...] | None:
        """Those of a `site.toml` that is wrong elsewhere; None if it does not say."""
        try:
            named = tomllib.loads(site_files.text(self.folder / "site.toml")).get("languages")
        except (OSError, ValueError):
            return None
        if not isinstance(named, list):
            return None
        return tuple(each for each in named if isinstance(each, str) and _CODE.fullmatch(each)) or None

    def _operators(self, languages: tuple[str, ...] | None) -> tuple[OperatorEntry, ...] | None:
        if languages is None:
            return None
        try:
            return operators.load(self.folder, languages)
        except SiteError as error:
            self.found += error.findings
        return None

    def _guide(self, site_: Site | None) -> Guide | None:
        """What is in order of it, and the names of the others, so that whoever offers them is not accused."""
        where, countries = self.folder / guides.FOLDER, tuple(site_.countries) if site_ is not None else None
        try:
            files = guides.read(where)
        except SiteError as error:
            self.found += error.findings
            return None
        procedures: dict[str, Procedure] = {}
        for name, text in files.items():
            try:
                procedures |= guides.parse({name: text}, where, countries).procedures
            except SiteError as error:
                self.found += error.findings
                identity = name.removesuffix(".yaml")
                procedures[identity] = Procedure(identity, Status.SAMPLE, (), f"{where}/{name}", 1)
        return Guide(procedures)

    def _draft(self) -> Draft | None:
        path = self.folder / "flow.yaml"
        try:
            return read_draft(model.read(path), str(path))
        except SiteError as error:
            self.found += error.findings
        return None

    def _texts(self, site_: Site | None) -> tuple[Sources, Catalogues | None]:
        written, unread = sources.examine(self.folder)
        texts, errors = catalogue.examine(self.folder)
        self._unreadable(errors)
        if texts is None:
            return written, None
        # Who says a text cannot be told while a file that may have it cannot be read.
        hidden = {"W_TEXT_UNUSED"} if unread else set()
        problems = [each for each in texts.problems() if each.code not in hidden]
        on = (*texts.languages,) if site_ is None else (catalogue.SOURCE, *site_.languages)
        self.found += [_finding(each) for each in problems if each.language in on]
        for language in texts.languages:
            left = sum(each.language == language and each.code.startswith("E_") for each in problems)
            if language not in on and left:
                found = f"{left} of {len(texts.ids)} texts are not in order, and callers cannot choose {language!r} yet"
                remedy = "correct them before it joins `languages` in site.toml; `hatif prompts status` counts them"
                self.found.append(Finding("W_LANGUAGE_OFF", str(texts.file(language)), 1, found, remedy))
        return written, texts

    def _unreadable(self, errors: Sequence[CatalogueError]) -> None:
        """Flow and guide have been read before: what is wrong with them in both ways is told once."""
        places = {(each.file, each.line) for each in self.found}
        files = {each.file for each in self.found if each.code in ("E_FLOW_FILE", "E_GUIDE_FILE")}
        for error in errors:
            finding = Finding.placed("E_TEXT_FILE", str(error))
            if finding.file not in files and (finding.file, finding.line) not in places:
                self.found.append(finding)

    def _needed(self, known: Collection[str]) -> None:
        file = str(self.folder / "texts.yaml")
        for text in self.needed:
            if known and text not in known:
                found = f"the fallback plays {text!r}, which no catalogue has"
                self.found.append(Finding("E_TEXT_NEEDED", file, 1, found, "write that text"))


def _finding(problem: catalogue.Problem) -> Finding:
    found = f"{problem.id}: {problem.found}"
    return Finding(problem.code, str(problem.file), problem.line, found, problem.remedy)
