"""Certificates of an authority of our own, made by openssl in some milliseconds."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


@dataclass(frozen=True)
class Authority:
    """`folder` has its certificate, and those that it signs, by name: NAME.pem and NAME.key."""

    folder: Path

    def __post_init__(self) -> None:
        extensions = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        self._openssl("req", "-x509", *_KEY, "-subj", "/CN=Authority", *extensions, *self._out("authority"))

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def sign(self, name: str, *names: str, days: int = 90) -> tuple[Path, Path]:
        """Return the files of a new certificate for `names`, such as "DNS:localhost", and of its key.

        With 0 days, it ended years ago.
        """
        extensions = ("-addext", f"subjectAltName={','.join(names)}", "-addext", "basicConstraints=CA:FALSE")
        signer = ("-CA", str(self.file), "-CAkey", str(self.folder / "authority.key"))
        ends = ("-not_before", "20240101000000Z", "-not_after", "20240201000000Z") if not days else ("-days", str(days))
        self._openssl("req", "-x509", *_KEY, "-subj", f"/CN={name}", *extensions, *signer, *ends, *self._out(name))
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _out(self, name: str) -> tuple[str, ...]:
        return "-out", str(self.folder / f"{name}.pem"), "-keyout", str(self.folder / f"{name}.key")

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(("openssl", *arguments), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
