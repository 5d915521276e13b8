"""What is read from the same content is read once by a process of the tests, and by those that it forks.

Nearly all of it is the example site's: its catalogues, sources and guide, and the list of its audio. Reading them takes
a quarter of a second, and hundreds of commands, checks, desks and starts of the controller do it.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import quick_site
from places import CACHE

from ivr.flow import file as flow_file
from ivr.flow import model
from ivr.home.settings import EXAMPLE
from ivr.model import clock
from ivr.site import guide
from prompts import catalogue, manifest, site_files, sources
from prompts.sources import Source

_LARGE = 1_000
"""Bytes; the many small ones that tests draw are not kept."""


def install() -> None:
    """Have what reads these files remember what it has read; what it refuses, it reads each time."""
    _remember(catalogue, "_read", lambda file, language: (language, _content(file)), dict)
    for module in (flow_file, guide):
        _remember(module, "compose", lambda text: text)
    _remember(manifest, "parse", lambda text, _path: text)
    if not hasattr(sources._read, "once"):
        sources._read = _sources(sources._read)  # type: ignore[assignment]


def load_example() -> None:
    """Read the example site, and the list of the audio that the lines of the tests have, if it is there already."""
    clock.prepare()
    catalogue.load(EXAMPLE).problems()
    guide.parse(guide.read(EXAMPLE / guide.FOLDER))
    with TemporaryDirectory() as folder:
        quick_site.make(site := Path(folder, "site"))
        for flow in (EXAMPLE / "flow.yaml", site / "flow.yaml"):
            flow_file.read_draft(model.read(flow), str(flow))
    for listed in CACHE.glob(f"short_*/{manifest.FILE}"):
        manifest.load(listed)


def _remember(
    module: ModuleType, name: str, key: Callable[..., Any], copy: Callable[[Any], Any] = lambda found: found
) -> None:
    """Replace a function by one that remembers by `key`, whose last part is the content."""
    read, known = getattr(module, name), dict[Hashable, Any]()
    if hasattr(read, "once"):  # the process that forked this one
        return

    @wraps(read)
    def once(*arguments: Any) -> Any:
        of = key(*arguments)
        if of not in known:
            found = read(*arguments)
            if len(of[-1] if isinstance(of, tuple) else of) < _LARGE:
                return found
            known[of] = found
        return copy(known[of])

    once.once = True  # type: ignore[attr-defined]
    setattr(module, name, once)


def _sources(read: Callable[[Path, bytes], Iterator[Source]]) -> Callable[[Path, bytes], Iterator[Source]]:
    known: dict[tuple[str, bool, bytes], list[Source]] = {}

    def once(file: Path, content: bytes) -> Iterator[Source]:
        of = file.name, file.parent.name == sources.GUIDE, content
        if of not in known:
            if len(content) < _LARGE:
                return read(file, content)
            try:
                known[of] = list(read(file, content))
            except sources.CatalogueError:
                return read(file, content)  # which yields what is before the fault
        return (replace(source, file=file) for source in known[of])

    once.once = True  # type: ignore[attr-defined]
    return once


def _content(file: Path) -> bytes:
    try:
        return site_files.content(file)
    except OSError:
        return b""
