"""What a flow says and has no audio is an alarm, and is made without a person; before calls come, where it can be."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import shared_audio
import small_site
from left import begins
from line import Line

from cli.processes.background_checks import check_prompts
from ivr.flow.missing_audio import count_missing, missing_on_disk
from ivr.flow.versions import VersionStore
from ivr.site import site
from ivr.softphone.telephone import Telephones
from prompts import manifest


def check_of(line: Line) -> dict[str, Any]:
    found = {row["name"]: row for row in line.json("status")["checks"]}
    check: dict[str, Any] = found["prompts"]
    return check


@pytest.mark.parametrize("deleted", ["fr/main_*", pytest.param("", marks=pytest.mark.long)])
async def test_prompts_that_were_deleted_are_noticed_and_made_again_while_the_line_runs(
    line: Line, telephones: Telephones, deleted: str
) -> None:
    """Some, or all of them: `rm -rf`, after which a build of the example site takes some minutes beside the line."""
    sounds = line.home / "sounds"
    shared_audio.own(sounds)
    assert check_of(line)["ok"]
    if not deleted:
        shutil.rmtree(sounds)
    for path in sounds.glob(deleted or "?"):
        path.unlink()
    await line.until(lambda: not check_of(line)["ok"], 60, "the missing audio is noticed")
    check, alarms = check_of(line), line.control("GET", "/alarms")
    assert check["fatal"] and "fr" in check["found"] and not line.json("status")["serves"]
    assert "prompts_missing" in [alarm["kind"] for alarm in alarms]
    await line.until(lambda: check_of(line)["ok"], 300, "the missing audio is made again")
    assert line.json("status")["serves"]
    assert "prompts_missing" not in [alarm["kind"] for alarm in line.control("GET", "/alarms")]
    call = await line.dial(telephones, "+33622000031")
    await call.press("2")
    await begins(call, line.audio("fr", "institution"))
    await call.hangup()


async def test_after_an_upgrade_a_start_makes_the_audio_of_new_texts_before_it_takes_calls(
    line: Line, telephones: Telephones
) -> None:
    """As a manifest of the release before, which knew no texts of keys."""
    sounds = line.home / "sounds"
    shared_audio.own(sounds)
    listed = sounds / manifest.FILE
    await line.down()
    heard = json.loads(listed.read_bytes())
    former = {code: {text: row for text, row in rows.items() if text[:4] != "key_"} for code, rows in heard.items()}
    listed.unlink()  # it is a hard link
    listed.write_text(json.dumps(former), encoding="utf-8")
    for path in sounds.glob("*/key_*"):
        path.unlink()
    await line.up()
    assert check_of(line)["ok"]
    assert "key_1" in manifest.load(listed).prompts["fr"]
    call = await line.dial(telephones, "+33622000032")
    await call.press("2#")
    await call.hears(line.audio("fr", "key_1"), 20)
    await call.hangup()


# Without a line


def test_texts_of_menus_are_told_from_others_and_what_is_left_for_later_from_both(tmp_path: Path) -> None:
    small = small_site.make(tmp_path)
    settings = site.load(small.folder)
    flows = VersionStore(small.folder, tmp_path / "versions", small.sounds, settings)
    assert not flows.missing_audio()
    clip = flows.current.sounds.audio("en", "goodbye")  # all texts of a language have this file
    assert clip is not None
    manifest.paths(small.sounds, clip.file)[1].rename(tmp_path / "away")
    assert set(flows.missing_audio().menus) == {"en"}
    (tmp_path / "away").rename(manifest.paths(small.sounds, clip.file)[1])
    small.heard("ar", "main_papers")
    small.heard("ar", "goodbye")
    missing = VersionStore(small.folder, tmp_path / "versions", small.sounds, settings).missing_audio()
    assert (missing.menus, missing.others) == ({"ar": 1}, {"ar": 1})
    assert missing_on_disk(small.folder, small.sounds, settings) == missing
    (check,) = check_prompts({"menus": missing.menus, "others": missing.others, "builds": False})
    assert not check.ok and check.fatal and "2 (ar)" in check.found
    (check,) = check_prompts({"menus": {}, "others": {"ar": 1}, "builds": True})
    assert not check.ok and not check.fatal and "being made" in check.found
    assert check_prompts(None) == []


def test_a_guide_that_a_build_has_left_for_later_is_no_fault(tmp_path: Path) -> None:
    small = small_site.make(tmp_path)
    version = VersionStore(small.folder, tmp_path / "versions", small.sounds, site.load(small.folder)).current
    said = {text for procedure in version.guide.procedures.values() for text in procedure.text_ids}
    if not said:
        pytest.skip("the small site has no guide")
    heard = manifest.Manifest({"en": {k: v for k, v in version.sounds.prompts["en"].items() if k not in said}})
    missing = count_missing(version.flow, version.guide, version.consulates, heard, ["en"], small.sounds)
    assert missing.others == {"en": len(said)}
    (small.sounds / manifest.LEFT).write_text("2\n")
    assert not count_missing(version.flow, version.guide, version.consulates, heard, ["en"], small.sounds)
