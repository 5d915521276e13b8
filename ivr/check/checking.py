"""The complete check of a site: all findings in all its files, even if some of them cannot be read."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ivr.check.audio_check import audio_findings
from ivr.check.code_clashes import code_clashes
from ivr.check.codes_check import spoken_text_findings
from ivr.check.consulate_check import consulate_findings
from ivr.check.emergency_check import emergency_findings
from ivr.check.example_check import example_findings
from ivr.check.hours_check import hours_findings
from ivr.check.length_check import length_findings
from ivr.check.program_check import program_text_findings
from ivr.check.roster_check import roster_findings
from ivr.check.sip_check import carrier_findings, sip_findings, telephone_findings
from ivr.check.site_check import (
    database_findings,
    desk_findings,
    former_findings,
    language_findings,
    number_findings,
    topic_findings,
    voice_findings,
)
from ivr.check.speech_check import speech_findings
from ivr.check.training_check import training_findings
from ivr.flow import checks, model
from ivr.flow.file import Draft, read_draft
from ivr.site import consulates, operators, site
from ivr.site import guide as guides
from ivr.site.consulates import Consulates
from ivr.site.findings import Finding, SiteError
from ivr.site.guide import Guide, Procedure, ProcedureStatus
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from prompts import catalogue, site_files, sources, toml_values
from prompts.catalogue import CatalogueError, Catalogues
from prompts.sources import Sources

_CODE = re.compile(r"[a-z]{2,3}")


def check(folder: Path, sounds: Path, needed: Collection[str], voices: Path) -> list[Finding]:
    """Return all findings about the site in `folder` and its audio in `sounds`: errors first, then by file and line.

    Args:
        needed: Ids of texts that are played outside the flow, such as by the dialplan's fallback.
        voices: The folder of voices that were installed or provided.
    """
    found = _Check(folder, sounds, needed, voices).findings()
    unique = dict.fromkeys(found)
    return sorted(unique, key=lambda finding: (not finding.is_error, finding.file, finding.line))


@dataclass(slots=True)
class _Check:
    folder: Path
    sounds: Path
    needed: Collection[str]
    voices: Path
    found: list[Finding] = field(default_factory=list)

    def findings(self) -> list[Finding]:
        site_ = self._site()
        self.found += former_findings(self.folder)
        languages = site_.languages if site_ is not None else self._configured_languages()
        people = self._operators(languages)
        guide = self._guide(site_)
        listed = self._consulates(site_)
        flow = self._draft()
        written, texts = self._texts(site_)
        known = {*written, *(texts.ids if texts is not None else ())}
        if flow is not None:
            used = {*self.needed, *(listed.text_ids | listed.words if listed is not None else ())}
            self.found += checks.check_draft(flow, languages, known or None, guide, used)
            if flow.flow.speaks_of_consulates and listed is not None:
                self.found += consulate_findings(self.folder, site_, listed, known)
        self._check_needed(known)
        if site_ is not None:
            self.found += language_findings(self.folder, site_, people, flow)
            self.found += number_findings(self.folder, site_)
            self.found += topic_findings(self.folder, people, flow, known)
            self.found += spoken_text_findings(self.folder, site_, known)
            self.found += database_findings(self.folder, site_)
            self.found += desk_findings(self.folder, site_)
            self.found += sip_findings(self.folder, site_)
            self.found += carrier_findings(self.folder, site_)
            self.found += voice_findings(self.folder, site_, self.voices)
            self.found += hours_findings(site_, self.folder)
            self.found += training_findings(self.folder, site_, flow)
            if people is not None:
                self.found += code_clashes(self.folder, site_, people)
                self.found += telephone_findings(self.folder, site_, people)
                self.found += emergency_findings(self.folder, site_, people)
                self.found += roster_findings(self.folder, site_, people)
            if texts is not None:
                self.found += audio_findings(texts, self.sounds, self.folder, site_)
                self.found += speech_findings(self.folder, site_, flow, texts)
                self.found += length_findings(written, texts, self.sounds, site_)
                self.found += example_findings(self.folder, site_, written, texts)
        return self.found

    def _site(self) -> Site | None:
        try:
            return site.load(self.folder)
        except SiteError as error:
            self.found += error.findings
        return None

    def _configured_languages(self) -> tuple[str, ...] | None:
        """Return the languages in a `site.toml` with errors elsewhere; None if they cannot be read."""
        try:
            named = toml_values.loads(site_files.text(self.folder / "site.toml")).get("languages")
        except (OSError, ValueError):
            return None
        if not isinstance(named, list):
            return None
        return tuple(code for code in named if isinstance(code, str) and _CODE.fullmatch(code)) or None

    def _operators(self, languages: tuple[str, ...] | None) -> tuple[OperatorEntry, ...] | None:
        if languages is None:
            return None
        try:
            return operators.load(self.folder, languages)
        except SiteError as error:
            self.found += error.findings
        return None

    def _guide(self, site_: Site | None) -> Guide | None:
        """Return the valid procedures and placeholders for others, so that nodes which offer those are not reported."""
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
                procedures[identity] = Procedure(identity, ProcedureStatus.SAMPLE, {}, {}, f"{where}/{name}", 1)
        return Guide(procedures)

    def _consulates(self, site_: Site | None) -> Consulates | None:
        try:
            return consulates.load(self.folder, tuple(site_.countries) if site_ is not None else None)
        except SiteError as error:
            self.found += error.findings
        return None

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
        self._add_unreadable(errors)
        if texts is None:
            return written, None
        # A text cannot be called unused while a file that may contain it cannot be read.
        hidden = {"W_TEXT_UNUSED"} if unread else set()
        problems = [problem for problem in texts.problems() if problem.code not in hidden]
        on = (*texts.languages,) if site_ is None else (catalogue.SOURCE, *site_.languages)
        self.found += [_finding(problem) for problem in problems if problem.language in on]
        self.found += program_text_findings(self.folder, texts, on)
        for language in texts.languages:
            left = sum(problem.language == language and problem.code.startswith("E_") for problem in problems)
            if language not in on and left:
                found = f"{left} of {len(texts.ids)} texts have errors, and callers cannot choose {language!r} yet"
                remedy = "correct them before you add it to `languages` in site.toml; see `hatif prompts status`"
                self.found.append(Finding("W_LANGUAGE_OFF", str(texts.file(language)), 1, found, remedy))
        return written, texts

    def _add_unreadable(self, errors: Sequence[CatalogueError]) -> None:
        """Add errors of catalogues; errors of flow and guide that were already found are not repeated."""
        places = {(finding.file, finding.line) for finding in self.found}
        files = {finding.file for finding in self.found if finding.code in ("E_FLOW_FILE", "E_GUIDE_FILE")}
        for error in errors:
            finding = Finding.from_message("E_TEXT_FILE", str(error))
            if finding.file not in files and (finding.file, finding.line) not in places:
                self.found.append(finding)

    def _check_needed(self, known: Collection[str]) -> None:
        file = str(self.folder / "texts.yaml")
        for text in self.needed:
            if known and text not in known:
                found = f"the fallback plays {text!r}, which is in no catalogue"
                self.found.append(Finding("E_TEXT_NEEDED", file, 1, found, "add that text"))


def _finding(problem: catalogue.Problem) -> Finding:
    found = f"{problem.id}: {problem.found}"
    return Finding(problem.code, str(problem.file), problem.line, found, problem.remedy)
