"""Writes tests/data/jpegs: small JPEGs of every layout that photographs come in, and Pillow's pixels for each as a PNG.

    python tests/oracles/make_jpegs.py     (Pillow and numpy)
"""

import io
import pathlib
import struct

import numpy as np
from PIL import Image

OUT = pathlib.Path(__file__).parent.parent / "data" / "jpegs"
OUT.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(11)


def picture(width: int, height: int) -> Image.Image:
    """Waves, a hard edge and noise: strong colours that change from pixel to pixel."""
    y, x = np.mgrid[0:height, 0:width]
    red = 127 + 120 * np.sin(x / 3) * np.cos(y / 4)
    green = np.where((x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 3) ** 2, 220, 30)
    blue = 128 + 90 * np.sin(x / 5 + y / 3)
    noisy = np.stack([red, green, blue], -1) + random.normal(0, 12, (height, width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, **options) -> bytearray:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return bytearray(buffer.getvalue())


def segment(data: bytes, *kinds: int) -> int:
    """Where the first marker segment of these kinds begins."""
    at = 2
    while data[at + 1] not in kinds:
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return at


def upright_halves(width: int, height: int, **options) -> bytearray:
    """4:4:0, which Pillow reads and does not write: a 4:2:2 file whose header says that the pairs of blocks stand on each
    other; the blocks land elsewhere, the pixels are still Pillow's to tell."""
    data = encoded(picture(width, height), subsampling="4:2:2", **options)
    frame = segment(data, 0xC0)
    columns, rows = -(-width // 16), -(-height // 8)
    data[frame + 5 : frame + 9] = struct.pack(">HH", rows * 16 - 3, columns * 8 - 2)
    data[frame + 11] = 0x12
    return data


def unfinished(data: bytes, scans: int) -> bytes:
    """A progressive file without its last scans: libjpeg smooths what is still coarse."""
    starts = [at for at in range(len(data) - 1) if data[at] == 0xFF and data[at + 1] == 0xDA]
    cut = data[: starts[scans]]
    return cut[: cut.rindex(b"\xff\xc4")] + b"\xff\xd9"


files = {
    "444_q95": encoded(picture(33, 25), quality=95, subsampling="4:4:4"),
    "422_q90": encoded(picture(35, 21), quality=90, subsampling="4:2:2"),
    "420_q85": encoded(picture(37, 29), quality=85, subsampling="4:2:0"),
    "420_q30": encoded(picture(48, 32), quality=30, subsampling="4:2:0"),
    "440_q80": upright_halves(40, 24, quality=80),
    "411_q75": encoded(picture(45, 19), quality=75, subsampling="4:1:1"),
    "progressive_420_q75": encoded(picture(41, 27), quality=75, subsampling="4:2:0", progressive=True),
    "progressive_422_q50": encoded(picture(39, 23), quality=50, subsampling="4:2:2", progressive=True),
    "progressive_444_q95": encoded(picture(23, 23), quality=95, subsampling="4:4:4", progressive=True),
    "restarts_420_q85": encoded(picture(50, 34), quality=85, subsampling="4:2:0", restart_marker_blocks=2),
    "restarts_progressive_q60": encoded(picture(34, 18), quality=60, progressive=True, restart_marker_blocks=3),
    "grey_q60": encoded(picture(31, 22).convert("L"), quality=60),
    "rgb_q90": encoded(picture(26, 20), quality=90, keep_rgb=True),
    "cmyk_q90": encoded(picture(27, 19).convert("CMYK"), quality=90),
    "one_pixel": encoded(picture(1, 1), quality=90, subsampling="4:2:0"),
    "narrow_420": encoded(picture(3, 17), quality=90, subsampling="4:2:0"),
    "flat_420": encoded(picture(17, 3), quality=90, subsampling="4:2:0"),
    "unfinished_420": unfinished(encoded(picture(40, 32), quality=70, subsampling="4:2:0", progressive=True), 3),
}
for name, data in files.items():
    (OUT / f"{name}.jpg").write_bytes(data)
    Image.open(io.BytesIO(data)).convert("RGB").save(OUT / f"{name}.png", optimize=True)
