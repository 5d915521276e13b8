"""The manifest, which the controller reads during calls."""

import subprocess
import sys
from pathlib import Path

import pytest

from prompts import manifest

WELCOME = manifest.Audio("hatif/fr/welcome-0123456789", "Bienvenue.", "pico", 1.25)


def test_a_written_manifest_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(manifest.dump(manifest.Manifest({"fr": {"welcome": WELCOME}})))
    read = manifest.load(tmp_path / "manifest.json")
    assert read == manifest.Manifest({"fr": {"welcome": WELCOME}})
    assert read.file("fr", "welcome") == "hatif/fr/welcome-0123456789"
    assert (read.text("fr", "welcome"), read.seconds("fr", "welcome")) == ("Bienvenue.", 1.25)
    assert read.file("fr", "goodbye") is None
    assert read.text("xx", "welcome") is None
    assert read.seconds("xx", "goodbye") is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"fr": 1}', b'{"fr": {"welcome": {"file": "x"}}}', b"\xff"])
def test_a_broken_manifest_is_reported_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    with pytest.raises(manifest.ManifestError, match=r"No such file.*hatif prompts build"):
        manifest.load(path)
    path.write_bytes(content)
    with pytest.raises(manifest.ManifestError, match="hatif prompts build") as refused:
        manifest.load(path)
    assert str(path) in str(refused.value)


def test_the_files_of_versions_in_use_are_known_and_a_broken_manifest_is_reported(tmp_path: Path) -> None:
    assert manifest.files_of_versions(tmp_path / "versions") == set()
    for version, text in (("a1", "welcome"), ("b2", "goodbye")):
        folder = tmp_path / "versions" / version
        folder.mkdir(parents=True)
        heard = manifest.Audio(f"hatif/fr/{text}-0123456789", "Texte.", "pico", 1.25)
        (folder / "manifest.json").write_bytes(manifest.dump(manifest.Manifest({"fr": {text: heard}})))
    assert manifest.files_of_versions(tmp_path / "versions") == {
        "hatif/fr/welcome-0123456789",
        "hatif/fr/goodbye-0123456789",
    }
    (tmp_path / "versions" / "b2" / "manifest.json").write_text("{")
    with pytest.raises(manifest.ManifestError, match=r"b2/manifest\.json cannot be read: no old audio was removed"):
        manifest.files_of_versions(tmp_path / "versions")


def test_reading_the_manifest_imports_nothing_but_the_standard_library() -> None:
    heavy = "{'numpy', 'babel', 'soxr', 'pyttsx3', 'py_nanotts'}"
    check = f"import sys, prompts.manifest; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[2], check=False).returncode == 0
