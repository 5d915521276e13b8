"""An Asterisk on disk."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

OLD = timedelta(days=365)
"""A release that was built longer ago lacks security fixes."""
NEWER = "a private one by `hatif asterisk upgrade --newest --when-idle`"
"""How one is installed, in messages."""

Kind = Literal["named", "machine", "private"]


@dataclass(frozen=True, slots=True)
class Installation:
    """An Asterisk that can be started.

    `program` begins every command line (the private one starts with its own dynamic linker). `data_dir` contains
    `documentation/`, without which Asterisk exits at once; `moh_dir` contains music; `rest_api_dir` contains the
    description of ARI as JSON, for tests, and may be missing.
    """

    program: tuple[str, ...]
    module_dir: Path
    data_dir: Path
    moh_dir: Path
    rest_api_dir: Path
    version: str  # as printed by the program, "22.10.1"
    kind: Kind

    def has_module(self, name: str) -> bool:
        return (self.module_dir / f"{name}.so").is_file()
