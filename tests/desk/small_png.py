"""Small pictures of pages: PNG files of 256 colours, a third of what a browser writes; the eye sees no difference."""

import asyncio
import base64
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from playwright.async_api import Page

_PIXELS = """async (picture) => {
  const bytes = Uint8Array.from(atob(picture), letter => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const pen = new OffscreenCanvas(image.width, image.height).getContext("2d");
  pen.drawImage(image, 0, 0);
  const { data } = pen.getImageData(0, 0, image.width, image.height);
  let text = "";
  for (let at = 0; at < data.length; at += 32768) text += String.fromCharCode(...data.subarray(at, at + 32768));
  return [image.width, image.height, btoa(text)];
}"""


async def take(page: Page, path: Path) -> None:
    """Draw what a page shows. Another page of the same browser decodes the picture."""
    picture = base64.b64encode(await page.screenshot()).decode()
    blank = await page.context.new_page()
    width, height, pixels = await blank.evaluate(_PIXELS, picture)
    await blank.close()
    rgb = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(-1, 4)[:, :3]
    await asyncio.to_thread(path.write_bytes, _indexed(rgb, width, height))


def _indexed(rgb: npt.NDArray[np.uint8], width: int, height: int) -> bytes:
    unique, index, counts = np.unique(rgb, axis=0, return_inverse=True, return_counts=True)
    colours = unique.astype(np.int64)
    palette = colours[np.argsort(-counts)[:1]]
    nearest, error = np.zeros(len(colours), np.uint8), np.full(len(colours), np.inf)
    while True:
        # The last colour of the palette, where it is nearer than those before.
        distance = ((colours - palette[-1]) ** 2).sum(axis=1)
        nearest[distance < error] = len(palette) - 1
        error = np.minimum(error, distance)
        if len(palette) == 256 or not error.any():
            break
        palette = np.vstack([palette, colours[np.argmax(error * np.sqrt(counts))]])
    rows = nearest[index.reshape(-1)].reshape(height, width)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, content)
        for kind, content in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", palette.astype(np.uint8).tobytes()),
            (b"IDAT", zlib.compress(lines, 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
