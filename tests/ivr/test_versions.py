"""What callers hear can change during a call: each call ends with the texts, guide and audio it began with."""

import json
import re
import urllib.error
from pathlib import Path

import pytest
import small_site
from left import begins
from line import Line
from site_files import edited, line_of

from ivr.flow.versions import VersionStore
from ivr.site import site
from ivr.site.findings import SiteError
from ivr.softphone.sound import RATE, find
from ivr.softphone.telephone import Telephones
from prompts import manifest

OTHER_WORDS = {
    "goodbye": "Ceci est un tout autre texte, pour un essai.",
    "main_file": "Un essai montre si les nouveaux mots sont entendus,",
    "guide_visa_documents_1": "Pour voir si cela change, voici encore une autre phrase.",
}
REMARK = "  NL: In the Netherlands please ask the consulate in your region.\n"


def reword(line: Line, language: str, prompt: str, text: str) -> None:
    """Give a prompt a new text."""
    path = line.site / "locale" / language / "LC_MESSAGES" / "hatif.po"
    pattern = rf'(msgctxt "{prompt}"\nmsgid (?:".*"\n)+msgstr )(?:".*"\n?)+'
    changed, count = re.subn(pattern, rf'\g<1>"{text}"\n', path.read_text())
    assert count == 1
    path.write_text(changed)


def move_visas(line: Line) -> None:
    """Give visas another key in the menu of documents: 8 instead of 6."""
    path = line.site / "flow.yaml"
    path.write_text(edited(path.read_text(), "{key: 6, text: documents_travel", "{key: 8, text: documents_travel"))


async def hears_the_guide(line: Line, telephones: Telephones, caller: str, keys: str) -> None:
    """Check that a call is served: `keys` lead to what is needed for a visa."""
    call = await line.dial(telephones, caller)
    await call.press(keys)
    await begins(call, line.audio("fr", "guide_visa_documents_1"))
    await call.hangup()


async def test_a_call_ends_with_the_texts_guide_and_audio_it_began_with_although_the_controller_is_killed(
    line: Line, words: None, telephones: Telephones
) -> None:
    former = {prompt: line.audio("fr", prompt) for prompt in OTHER_WORDS}
    notice, flow = line.audio("fr", "guide_notice"), line.site / "flow.yaml"
    flow.write_text(edited(flow.read_text(), "\nsilence_s: 2", "\nsilence_s: 30"))  # a build can take long
    before = await line.dial(telephones, "+33621000011")
    await before.press("2")
    await begins(before, former["main_file"])
    # Another key, a guide without the notice that it is a sample, and other texts.
    move_visas(line)
    visa = line.site / "guide" / "visa.yaml"
    confirmed = edited(visa.read_text(), "status: sample", "status: confirmed")
    visa.write_text(confirmed)
    for prompt, text in OTHER_WORDS.items():
        reword(line, "fr", prompt, text)
    built = line.run("prompts", "build")
    assert built.returncode == 0, built.stderr
    visa.write_text(edited(confirmed, "remarks:\n", f"remarks:\n{REMARK}"))
    answer = line.run("flow", "reload")
    assert answer.returncode == 1, "a remark without translations is refused"
    assert "guide_visa_remark_nl" in answer.stderr
    visa.write_text(confirmed)
    answer = line.run("flow", "reload")
    assert answer.returncode == 0, answer.stderr
    # The controller is restarted while the flow is invalid: it returns with the version in use, and the caller still
    # has theirs.
    in_use = line.status()["flow"]
    valid, seen = flow.read_text(), line.log.stat().st_size
    flow.write_text(edited(valid, "\nstart: language", "\nstart: begin"))
    await line.restart()
    assert line.status()["flow"] == in_use
    (entry,) = [item for item in line.logged(seen).splitlines() if "the version used last stays in use" in item]
    assert f"{flow}:{line_of(flow.read_text(), 'start:')}: " in entry
    flow.write_text(valid)
    after = await line.dial(telephones, "+33621000012")
    await after.press("2")
    await begins(after, line.audio("fr", "institution"))
    await after.press("#")
    await begins(after, line.audio("fr", "main_file"))  # the new text
    chosen = after.clock
    await after.press("281")
    await begins(after, line.audio("fr", "guide_visa_documents_1"), chosen)
    assert not find(after.heard(), former["guide_visa_documents_1"][:RATE]).same
    assert not find(after.heard(), notice[:RATE]).same
    here = before.clock
    await before.press("#")
    await begins(before, former["main_file"], here)
    await before.press("261")
    noticed = await before.hears(notice, 20, here)
    await begins(before, former["guide_visa_documents_1"], noticed.offset_s)
    await before.hangup()
    await after.hangup()


async def test_an_error_in_the_guide_or_the_flow_is_refused_with_file_line_and_remedy_and_calls_continue(
    line: Line, telephones: Telephones
) -> None:
    guide = line.site / "guide" / "visa.yaml"
    before = guide.read_text()
    guide.write_text(before.replace("\nfee:", "\nfees:"))
    number = next(i for i, text in enumerate(guide.read_text().splitlines(), 1) if text.startswith("fees:"))
    answer = line.run("flow", "reload")
    assert answer.returncode == 1
    assert f"visa.yaml:{number}:" in answer.stderr and "fees" in answer.stderr
    guide.write_text(before)
    path = line.site / "flow.yaml"
    path.write_text(edited(path.read_text(), "\nsilence_s: 2", "\nsilence_s: 2026-02-30"))
    number = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if text.startswith("silence_s: "))
    seen = line.log.stat().st_size
    answer = line.run("flow", "reload")
    assert answer.returncode == 1
    (finding, *_, last) = answer.stderr.splitlines()
    sentence = rf"{re.escape(str(path))}:{number}: E_FLOW_FILE '2026-02-30' .*day is out of range for month.*; .+\."
    assert re.fullmatch(sentence, finding), finding
    assert last.startswith("hatif: Not reloaded: ")
    await hears_the_guide(line, telephones, "+33621000022", "2261")
    (refused,) = [item for item in line.logged(seen).splitlines() if "invalid; the old version stays" in item]
    assert re.search(sentence, refused), refused


async def test_a_broken_catalogue_is_refused_by_the_reload(line: Line) -> None:
    path = line.site / "locale" / "fr" / "LC_MESSAGES" / "hatif.po"
    path.write_text(path.read_text().replace('msgctxt "goodbye"', 'msgctxt goodbye"'))
    answer = line.run("flow", "reload")
    assert answer.returncode == 1
    assert "hatif.po:" in answer.stderr


async def test_the_reload_refuses_a_new_text_until_every_language_has_its_audio(line: Line) -> None:
    listed = line.home / "sounds" / manifest.FILE
    whole = listed.read_bytes()
    heard = json.loads(whole)
    # The new text equals an old one, so its audio exists already.
    for path in (line.site / "flow.yaml", *line.site.glob("locale/*/LC_MESSAGES/hatif.po")):
        path.write_text(path.read_text().replace("main_operator", "main_person"))
    for language in line.settings.languages:
        heard[language]["main_person"] = heard[language]["main_operator"]
    lacking = heard | {"nl": {prompt: audio for prompt, audio in heard["nl"].items() if prompt != "main_person"}}
    former = line.status()["flow"]
    try:
        relist(listed, lacking)
        answer = line.run("flow", "reload")
        assert answer.returncode == 1
        *warnings, _ = (item for item in answer.stderr.splitlines() if ": E_" not in item)
        # The test line is open at night, too, and has the example's consulates.
        assert all(": W_ROSTER_" in item or ": W_CONSULATE_SAMPLE " in item for item in warnings), warnings
        (finding,) = (item for item in answer.stderr.splitlines() if ": E_" in item)
        assert finding.startswith(f"{listed}:1: E_AUDIO_MISSING 1 (main_person) of ") and "in nl" in finding
        # Without `hatif check` first, it is refused, too.
        with pytest.raises(urllib.error.HTTPError) as refused:
            line.control("POST", "/flow/reload")
        assert refused.value.code == 422
        detail = json.load(refused.value)["detail"]
        assert re.search(r"E_AUDIO_MISSING 1 \(main_person\) of \d+ texts in nl have no audio;", detail)
        assert line.status()["flow"] == former
        relist(listed, heard)
        answer = line.run("flow", "reload")
        assert answer.returncode == 0, answer.stderr
        assert line.status()["flow"] != former
    finally:
        relist(listed, json.loads(whole))


def relist(path: Path, heard: dict[str, dict[str, object]]) -> None:
    """Replace the list of audio as a build does: it is a hard link."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(heard, ensure_ascii=False, indent=1), encoding="utf-8")
    draft.replace(path)


def test_a_kept_version_loads_although_the_site_has_dropped_a_language(tmp_path: Path) -> None:
    small = small_site.make(tmp_path)
    kept = tmp_path / "versions"
    former = VersionStore(small.folder, kept, small.sounds, site.load(small.folder)).current.name
    small.edit("site.toml", 'languages = ["ar", "en"]', 'languages = ["en"]')
    small.edit("site.toml", 'ar = ["en"]\nen = ["ar"]\n', "")
    small.edit("site.toml", 'languages = ["en", "ar"]', 'languages = ["en"]')
    settings = site.load(small.folder)
    # The flow still offers the language that is gone: it is invalid, and the previous version stays in use.
    last = VersionStore(small.folder, kept, small.sounds, settings).current
    assert last.name == former and "goodbye" in last.flow.nodes
    small.edit("flow.yaml", "options: {2: ar, 3: en}", "options: {3: en}")
    flows = VersionStore(small.folder, kept, small.sounds, settings)
    assert flows.current.name != former
    version = flows.version(former)
    assert version is not None and version.flow == last.flow
    assert version.sounds.file("ar", "goodbye") is not None


async def test_a_text_without_audio_in_one_language_is_named_and_the_old_version_stays(tmp_path: Path) -> None:
    small = small_site.make(tmp_path)
    flows = VersionStore(small.folder, tmp_path / "versions", small.sounds, site.load(small.folder))
    former = flows.current
    small.heard("ar", "goodbye")
    with pytest.raises(SiteError) as refused:
        await flows.reload()
    (finding,) = refused.value.findings
    assert finding.code == "E_AUDIO_MISSING" and "(goodbye)" in finding.found and "texts in ar" in finding.found
    assert flows.current is former


async def test_the_version_used_last_is_found_however_soon_it_followed_the_one_before(tmp_path: Path) -> None:
    small = small_site.make(tmp_path)
    flow, settings = small.folder / "flow.yaml", site.load(small.folder)
    one = flow.read_text()
    other = f"silence_s: 6\n{one}"
    for former, later in ((one, other), (other, one)) * 5:
        flow.write_text(former)
        flows = VersionStore(small.folder, tmp_path / "versions", small.sounds, settings)
        flow.write_text(later)
        taken = (await flows.reload()).name
        flow.write_text("start: nowhere")
        assert VersionStore(small.folder, tmp_path / "versions", small.sounds, settings).current.name == taken
