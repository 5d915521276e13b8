"""Whether the scripted callers, who train operators, fit the flow."""

from collections.abc import Iterator
from pathlib import Path

from ivr.flow.file import Draft
from ivr.site import training
from ivr.site.findings import Finding
from ivr.site.site import Site


def training_findings(folder: Path, site: Site, flow: Draft | None) -> Iterator[Finding]:
    """Yield E_TRAINING_… for mistakes in the files of `training/`, W_TRAINING_… for what a voice would say badly.

    `flow`: None if it cannot be read.
    """
    scripts, found = training.examine(folder, site)
    yield from found
    for script in scripts.values():
        for node in script.keys:
            if flow is not None and node not in flow.names:
                what = f"keys: the flow has no node {node!r}"
                file = str(script.folder / f"{script.name}.yaml")
                yield Finding(
                    "E_TRAINING_NODE", file, script.keys_line, what, "write a node at which callers press keys"
                )
