"""What is known of an Asterisk on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["named", "machine", "private"]


@dataclass(frozen=True, slots=True)
class Installation:
    """An Asterisk that can be started.

    `program` begins every command line (the private one starts through its own dynamic linker). `data_dir` holds
    `documentation/`, without which Asterisk ends at once; `moh_dir` holds music; `rest_api_dir` the description of
    ARI as JSON, for tests, and may be missing.
    """

    program: tuple[str, ...]
    module_dir: Path
    data_dir: Path
    moh_dir: Path
    rest_api_dir: Path
    version: str  # as the program tells it, "22.10.1"
    kind: Kind

    def has_module(self, name: str) -> bool:
        return (self.module_dir / f"{name}.so").is_file()
