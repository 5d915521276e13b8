"""Make the styles beside this file: `python -m prompts.voices.kokoro.make_styles FOLDER`.

FOLDER is `package/voices` of the npm package kokoro-js 1.2.1 (`npm pack kokoro-js@1.2.1`, unpacked). Each style has 510
rows, one for each length of the spoken text in symbols, of 256 numbers. A file has the mean of several styles, in
half precision: the difference is inaudible (2e-4 of the largest number), and it halves the files.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

from prompts.voices.kokoro.styles import FOLDER, ROWS, WIDTH

MEANS = {
    "ar": ("ef_dora", "em_alex", "hf_alpha", "if_sara", "im_nicola"),
    "fr": ("ff_siwis", "ff_siwis", "ff_siwis", "bf_emma", "ef_dora", "if_sara"),
    "latin": ("bf_emma", "ef_dora", "ff_siwis", "if_sara"),
}
"""The styles of each file; one that is named three times weighs as much as three. NOTICE says where they come from; a
new one belongs there as well."""
SHA256 = {
    "bf_emma": "669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73",
    "ef_dora": "f66ec66bd295acb18372e37008533a9a3228483ccd294e7538d5d9294ac9a532",
    "em_alex": "27809e9eafdcbcfff90a3016c697568676531de2a2c39cee29c96c7bd6b83e95",
    "ff_siwis": "a35f5675ad08948e326ae75fd0ea16ba5d0042e4f76b5f3d1df77d0a48c54861",
    "hf_alpha": "040be6a4425411cc01fda5fd06693c76bfa78572632852bc8cda9c99232ffb56",
    "if_sara": "409b69248798fcdc2542330c76953d230710f19b057e59cb82fdc3c4cf71265c",
    "im_nicola": "bc578e510d52a96d6940d46f12e96d7b3df00905dbea075113226d100e6e1ab0",
}


def main(folder: Path) -> None:
    """Write the files.

    Raises:
        SystemExit: A file is not the one of that package.
    """
    for name, names in MEANS.items():
        mean = np.mean([_style(folder / f"{style}.bin") for style in names], axis=0)
        (FOLDER / f"{name}.f16").write_bytes(mean.astype("<f2").tobytes())


def _style(file: Path) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256[file.stem]:
        raise SystemExit(f"{file} is not the file of kokoro-js 1.2.1; run `npm pack kokoro-js@1.2.1` and unpack it")
    return np.frombuffer(content, "<f4").reshape(ROWS, WIDTH).astype(np.float64)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
