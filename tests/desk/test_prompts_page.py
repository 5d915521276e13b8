"""The page of all prompts: what is missing or old is found among thousands, and the audio that callers hear is sent."""

import dataclasses
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import desk_server
import pytest
import pytest_asyncio
from desk_server import TestDesk, serving
from line import CHECKOUT

from db.enums import AccountRole
from desk.overview.prompt_shelf import Asked, PromptShelf, find
from desk.overview.prompts import ON_A_PAGE
from ivr.check.audio_check import audio_findings
from ivr.site import site as sites
from prompts import catalogue, manifest
from prompts.build_report import BuildProblem, dump_problems
from prompts.manifest import RECORDING, Audio, Manifest

pytest_plugins = ["db_fixtures"]

LANGUAGES = ("ar", "fr", "en")
"""Fewer than the site's: each prompt has three files."""
OLD, STALE, MISSING, BROKEN, FAILED = "main_file", "main_urgent", "main_operator", "main_documents", "main_complaint"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose site has audio of every text, but for five French ones; a sixth one is a draft."""
    home = tmp_path_factory.mktemp("home")
    site, sounds = home / "site", home / "sounds"
    shutil.copytree(CHECKOUT / "sites" / "consulate", site)
    french = site / "locale" / "fr" / "LC_MESSAGES" / "hatif.po"
    text = french.read_text()
    french.write_text(text.replace('msgctxt "main_appointment"', '#, fuzzy\nmsgctxt "main_appointment"'))
    texts = catalogue.load(site)
    heard: dict[str, dict[str, Audio]] = {}
    for language in LANGUAGES:
        heard[language] = {"name_1002": Audio(f"hatif/{language}/name_1002-0", "Safae", "pico", 1.0)}
        for prompt in texts.ids:
            entry = texts.entry(language, prompt)
            spoken = entry.text if entry is not None else ""
            heard[language][prompt] = Audio(f"hatif/{language}/{prompt}-0", spoken, "pico", 1.0)
    fr = heard["fr"]
    fr[OLD] = dataclasses.replace(fr[OLD], text="Un texte antérieur", source=RECORDING)
    fr[STALE] = dataclasses.replace(fr[STALE], text="Un texte antérieur")
    del fr[MISSING]
    for language, prompts in heard.items():
        (sounds / language).mkdir(parents=True)
        for prompt, audio in prompts.items():
            for path in manifest.paths(sounds, audio.file):
                path.write_bytes(bytes([len(prompt)]) * manifest.size(path, audio.seconds))
    manifest.paths(sounds, fr[BROKEN].file)[0].write_bytes(b"")
    (sounds / manifest.FILE).write_bytes(manifest.dump(Manifest(heard)))
    problem = BuildProblem("fr", FAILED, "pico did not answer within 20 s", "the old audio stays in use")
    (sounds / "problems.json").write_bytes(dump_problems([problem]))
    return home


@pytest_asyncio.fixture
async def desk(sqlite_url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestDesk]:
    plain = desk_server.settings_for
    monkeypatch.setattr(
        desk_server,
        "settings_for",
        lambda *given: dataclasses.replace(plain(*given), home=home, site_folder=home / "site", languages=LANGUAGES),
    )
    async with serving(sqlite_url) as found:
        await found.account("root", AccountRole.ADMINISTRATOR)
        yield found


async def test_what_is_missing_or_old_is_found_and_the_check_says_the_same(desk: TestDesk, home: Path) -> None:
    browser, site = await desk.signed_in("root", "en"), home / "site"

    async def listed(question: str) -> list[str]:
        return re.findall(r'data-prompt="([^"]+)"', (await browser.get(f"/site/prompts?{question}")).text)

    assert await listed("state=recording_old") == [f"fr/{OLD}"]
    assert await listed("state=stale") == [f"fr/{STALE}", "fr/main_appointment"]  # nobody has released that text
    assert await listed("state=missing&language=fr") == [f"fr/{MISSING}"]
    assert await listed("state=broken") == [f"fr/{BROKEN}"]
    assert await listed("state=failed") == [f"fr/{FAILED}"]
    assert await listed("state=draft") == ["fr/main_appointment"]
    wrong = await listed("state=outdated&language=fr")
    assert sorted(wrong) == sorted(
        f"fr/{prompt}" for prompt in (OLD, STALE, MISSING, BROKEN, FAILED, "main_appointment")
    )
    assert await listed("source=recording") == [f"fr/{OLD}"]
    page = (await browser.get(f"/site/prompts?language=fr&words={FAILED}")).text
    assert "did not answer within 20 s" in page and "the last build failed" in page
    assert "Un texte antérieur" in (await browser.get(f"/site/prompts?language=fr&words={OLD}")).text
    assert await listed("language=fr&words=Safae") == ["fr/name_1002"]
    found = {
        finding.code: finding.found
        for finding in audio_findings(catalogue.load(site), home / "sounds", site, sites.load(site))
        if " in fr " in f"{finding.found} "
    }
    named = {"W_RECORDING_OLD": OLD, "W_AUDIO_STALE": STALE, "E_AUDIO_MISSING": MISSING, "E_AUDIO_BROKEN": BROKEN}
    assert found.keys() == named.keys()
    for code, prompt in named.items():
        assert prompt in found[code]


async def test_thousands_of_prompts_have_pages_and_arabic_is_found_without_its_vowels(
    desk: TestDesk, home: Path
) -> None:
    browser = await desk.signed_in("root", "ar")
    shelf = PromptShelf(home / "site", home, LANGUAGES)
    every = find(await shelf.read(), Asked()).rows
    assert len(every) > 1000
    last = -(-len(every) // ON_A_PAGE)
    seen: list[str] = []
    for number in (1, 2, last, last + 5):  # there is no later page than the last one
        page = (await browser.get(f"/site/prompts?page={number}")).text
        seen += re.findall(r'data-prompt="([^"]+)"', page)
    expected = [f"{row.language}/{row.id}" for row in every]
    tail = expected[(last - 1) * ON_A_PAGE :]
    assert seen == [*expected[: 2 * ON_A_PAGE], *tail, *tail]
    found = find(await shelf.read(), Asked("ar", words="جواز السفر")).rows
    assert found and all(row.language == "ar" for row in found)


async def test_the_audio_is_sent_whole_and_in_parts_and_nothing_else(desk: TestDesk) -> None:
    browser = await desk.signed_in("root", "en")
    address = f"/site/prompts/audio/fr/{OLD}.wav"
    whole = await browser.bytes(address)
    assert whole.status == 200 and whole.body[:4] == b"RIFF" and len(whole.body) == 44 + 2 * 8000
    for asked, part in (("0-99", whole.body[:100]), ("16000-", whole.body[16000:]), ("-10", whole.body[-10:])):
        answer = await browser.bytes(address, Range=f"bytes={asked}")
        assert (answer.status, answer.body) == (206, part)
    assert (await browser.bytes(address, Range="bytes=99999-")).status == 416
    assert (await browser.bytes(address, Range="bytes=-")).status == 200
    for other in (f"fr/{MISSING}", "fr/none", "xx/main_file", "fr/..%2fmanifest", "fr/%2e%2e"):
        assert (await browser.get(f"/site/prompts/audio/{other}.wav")).status == 404, other
    await desk.operator("1040", supervisor=True)
    assert (await (await desk.signed_in("1040")).get(address)).status == 403
