"""A copy of the site with new contents of some files, for the check: links to all that stays the same."""

import shutil
from collections.abc import Mapping
from pathlib import Path


def stage(site: Path, contents: Mapping[str, bytes | None], into: Path) -> None:
    """Make `into` the site as it would be. Raises OSError."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    _link(site, into, {Path(file).parts: content for file, content in contents.items()})


def _link(here: Path, into: Path, contents: Mapping[tuple[str, ...], bytes | None]) -> None:
    changed = {parts[0] for parts in contents}
    for path in here.iterdir() if here.is_dir() else ():
        if path.name not in changed and path.name != ".git":
            (into / path.name).symlink_to(path.absolute())
    for name in changed:
        if (name,) in contents:
            if (content := contents[name,]) is not None:
                (into / name).write_bytes(content)
            continue
        below = {parts[1:]: content for parts, content in contents.items() if parts[0] == name}
        (into / name).mkdir()
        _link(here / name, into / name, below)
