"""A language is added by data alone, following docs/add-a-language.md; one with recordings only must be complete."""

import json
import re
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prompt_lines as lines
import prompt_sites as sites
import pytest
import yaml
from babel.messages.pofile import read_po, write_po

from ivr.site import site
from ivr.site.site import Site, SiteError
from prompts import catalogue, manifest, recorded

PAGE = lines.ROOT / "docs" / "add-a-language.md"


def blocks(kind: str) -> list[str]:
    """Return the page's code blocks of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def replaced(path: Path, pattern: str, by: str) -> None:
    text, count = re.subn(pattern, lambda _: by, path.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
    assert count == 1, pattern
    path.write_text(text, encoding="utf-8")


def status(checkout: Path) -> dict[str, dict[str, Any]]:
    answer = lines.hatif(checkout, "prompts status --json")
    assert answer.returncode == 0, answer.stderr
    return {row["language"]: row for row in json.loads(answer.stdout)}


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a short path: a socket's path, which `hatif check` tests, has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="hatif-page-") as folder:
        yield Path(folder)


def test_following_the_page_adds_a_ninth_language(short_path: Path) -> None:
    checkout = lines.checkout(short_path / "checkout")
    folder, sounds = checkout / "sites" / "consulate", checkout / "var" / "sounds"
    catalogue_commands, say, build = map(lines.quick, blocks("sh"))
    outcome = lines.run(checkout, catalogue_commands)
    assert outcome.returncode == 0, outcome.stderr
    file = folder / "locale" / "pt" / "LC_MESSAGES" / "hatif.po"
    missing = [problem.id for problem in catalogue.load(folder).problems() if problem.language == "pt"]
    assert set(missing) == lines.IDS

    with file.open("rb") as content:
        texts = read_po(content, locale="pt")
    for message in texts:
        if message.id:
            message.string = f"Em português: {(message.context or '').replace('_', ' ')}."
    with file.open("wb") as content:
        write_po(content, texts)
    assert [str(problem) for problem in catalogue.load(folder).problems()] == []

    result = lines.run(checkout, say)
    assert result.returncode == 0, result.stderr
    assert (checkout / "var" / "said.wav").stat().st_size > 16_000

    wanted = tomllib.loads(blocks("toml")[0])
    toml = folder / "site.toml"
    replaced(toml, r"^languages = .*$", f"languages = {json.dumps(wanted['languages'])}")
    replaced(toml, r"^\[fallback\]$", f"[fallback]\npt = {json.dumps(wanted['fallback']['pt'])}")
    replaced(
        toml,
        r"^\[countries\.PT\]\n.*$",
        f"[countries.PT]\nlanguages = {json.dumps(wanted['countries']['PT']['languages'])}",
    )
    replaced(folder / "flow.yaml", r"options: .*$", blocks("yaml")[0].strip())
    with (folder / "operators.csv").open("a", encoding="utf-8") as people:
        people.write(blocks("csv")[0])

    built = lines.run(checkout, build)
    assert built.returncode == 0, built.stdout + built.stderr
    heard = manifest.load(sounds / manifest.FILE)
    for prompt in lines.IDS:
        assert (audio := heard.audio("pt", prompt))
        assert audio.source == "pyttsx3"
        assert all(path.stat().st_size > 1_000 for path in manifest.paths(sounds, audio.file))
    row = status(checkout)["pt"]
    assert (row["on"], row["synthesised"], row["missing"], row["stale"]) == (True, len(lines.IDS), 0, 0)
    assert site.load(folder).language_order("PT")[0] == "pt"


def test_the_page_lists_the_languages_of_the_example_and_one_more() -> None:
    example = tomllib.loads((lines.EXAMPLE / "site.toml").read_text(encoding="utf-8"))
    switched_on, recorded_only = map(tomllib.loads, blocks("toml"))
    assert switched_on["languages"] == [*example["languages"], "pt"]
    assert recorded_only["recorded_only"] == example["recorded_only"]
    flow = yaml.safe_load((lines.EXAMPLE / "flow.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load(blocks("yaml")[0])["options"] == flow["nodes"]["language"]["options"] | {8: "pt"}


def test_a_recordings_only_language_stays_off_until_it_is_complete(tmp_path: Path) -> None:
    checkout = lines.checkout(tmp_path / "checkout")
    folder = checkout / "sites" / "consulate"
    recordings = folder / "recordings" / "zgh"
    for prompt in ("goodbye", "wait", "press_1"):
        sites.wav(recordings / f"{prompt}.wav", sites.speech(0.5))
    built = lines.hatif(checkout, "prompts build")
    assert built.returncode == 0, built.stderr
    assert f"zgh has only recordings: 3 of {len(lines.IDS)} recorded." in built.stdout
    assert f"off: 3 of {len(lines.IDS)} recorded" in lines.hatif(checkout, "prompts status").stdout
    row = status(checkout)["zgh"]
    assert (row["on"], row["recorded"], row["synthesised"]) == (False, 3, 0)

    def problems(languages: tuple[str, ...]) -> list[str]:
        heard = manifest.load(checkout / "var" / "sounds" / manifest.FILE)
        found = recorded.problems(catalogue.load(folder), heard, folder / "recordings", languages, ("zgh",))
        return [f"{item.code} {item.found}" for item in found]

    assert problems(("ar", "fr")) == []
    (found,) = problems(("ar", "zgh"))
    assert found.startswith(f"E_LANGUAGE_INCOMPLETE {len(lines.IDS) - 3} of {len(lines.IDS)} texts have no recording")
    for prompt in lines.IDS:
        sites.wav(recordings / f"{prompt}.wav", sites.speech(0.5))
    assert lines.hatif(checkout, "prompts build").returncode == 0
    assert problems(("ar", "zgh")) == []
    assert status(checkout)["zgh"]["missing"] == 0


def test_a_recordings_only_language_needs_its_catalogue_and_its_folder(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", {"hello": ("Hello.", "")})
    sites.catalogue(tmp_path, "zgh", {"hello": ("Hello.", "ⴰⵣⵓⵍ")})
    texts, nothing = catalogue.load(tmp_path), manifest.Manifest({})
    found = [
        str(problem) for problem in recorded.problems(texts, nothing, tmp_path / "recordings", ("en",), ("zgh", "shi"))
    ]
    assert len(found) == 2
    assert found[0].startswith(f"{tmp_path}/recordings/zgh:1: E_LANGUAGE_FOLDER zgh: no such folder")
    assert found[1].startswith(f"{texts.file('shi')}:1: E_LANGUAGE_FOLDER shi: no such catalogue")


def test_a_build_removes_old_audio_unless_a_version_of_the_flow_uses_it(tmp_path: Path) -> None:
    checkout = lines.checkout(tmp_path / "checkout")
    sounds, kept = checkout / "var" / "sounds", checkout / "var" / "versions" / "a1"
    (sounds / "fr").mkdir(parents=True, exist_ok=True)
    kept.mkdir(parents=True)
    old, needed = (manifest.Audio(f"hatif/fr/{name}-0123456789", "Texte.", "pico", 1.0) for name in ("old", "needed"))
    (kept / manifest.FILE).write_bytes(manifest.dump(manifest.Manifest({"fr": {"needed": needed}})))
    audio = [path for item in (old, needed) for path in manifest.paths(sounds, item.file)]
    for path in audio:
        path.write_bytes(bytes(100))

    def after_a_build(age_s: float) -> list[bool]:
        for path in audio:
            sites.age_file(path, age_s)
        built = lines.hatif(checkout, "prompts build")
        assert built.returncode == 0, built.stderr
        return [path.exists() for path in audio]

    assert after_a_build(23 * 3600) == [True] * 6
    (kept / manifest.FILE).rename(kept / "manifest.broken")
    (kept / manifest.FILE).write_text("{")
    assert after_a_build(25 * 3600) == [True] * 6
    (kept / "manifest.broken").rename(kept / manifest.FILE)
    assert after_a_build(25 * 3600) == [False] * 3 + [True] * 3


def the_site(folder: Path, top: str = "", sections: str = "") -> Site:
    """Return the example site with lines added."""
    text = (lines.EXAMPLE / "site.toml").read_text(encoding="utf-8")
    text = re.sub(r"^recorded_only = .*\n", top, text, flags=re.MULTILINE)
    text = re.sub(r"^\[fallback\]\n(\w+ = .*\n)*", sections, text, flags=re.MULTILINE)
    (folder / "site.toml").write_text(text, encoding="utf-8")
    return site.load(folder)


def test_broken_audio_is_replaced_by_the_site_s_languages_in_order_or_by_configured_ones(tmp_path: Path) -> None:
    assert the_site(tmp_path).fallback_chain("es") == ("ar", "fr", "it", "nl", "de", "en")
    named = the_site(tmp_path, 'recorded_only = ["zgh"]\n', '[fallback]\nes = ["fr", "en"]\nzgh = ["ar"]\n')
    assert named.fallback_chain("es") == ("fr", "en")
    assert named.fallback_chain("zgh") == ("ar",)
    assert named.fallback_chain("fr") == ("ar", "es", "it", "nl", "de", "en")


def test_the_example_site_has_a_replacement_for_every_language() -> None:
    example = site.load(lines.EXAMPLE)
    assert set(example.fallback) == {*example.languages, *example.recorded_only}


@pytest.mark.parametrize(
    ("top", "sections", "words"),
    [
        ('recorded_only = ["zgh", "zgh"]\n', "", "recorded_only: the language 'zgh' occurs twice"),
        ('recorded_only = ["Amazigh"]\n', "", "recorded_only, the 1st: found 'Amazigh'; write the code of a language"),
        ("", '[fallback]\npt = ["fr"]\n', "fallback.pt: the language 'pt' is not one of the site's"),
        ("", '[fallback]\nfr = ["fr", "en"]\n', "fallback.fr: 'fr' cannot replace itself"),
        ("", '[fallback]\nfr = ["en", "en"]\n', "fallback.fr: the language 'en' occurs twice"),
        ("", '[fallback]\nfr = ["pt"]\n', "fallback.fr: callers cannot choose the language 'pt'"),
        ('recorded_only = ["zgh"]\n', '[fallback]\nfr = ["zgh"]\n', "callers cannot choose the language 'zgh'"),
        ("", "[fallback]\nfr = []\n", "fallback.fr: Tuple should have at least 1 item"),
    ],
)
def test_a_mistake_about_languages_is_reported_with_its_line(
    tmp_path: Path, top: str, sections: str, words: str
) -> None:
    with pytest.raises(SiteError) as refused:
        the_site(tmp_path, top, sections)
    text = (tmp_path / "site.toml").read_text(encoding="utf-8")
    wrong = next(line for line in (top + sections).splitlines() if not line.startswith("["))
    if sections:
        wrong = sections.splitlines()[1]
    number = text.splitlines().index(wrong) + 1
    assert str(refused.value).startswith(f"{tmp_path}/site.toml:{number}: ")
    assert words in str(refused.value)
