"""Writes tests/data/photos: small images that Rust's encoders cannot write, and Pillow's pixels for them.

    python tests/oracles/make_photos.py     (Pillow and numpy)

`expected.json` holds, for each file, the upright size and the RGB of a 4 x 4 grid of points (cell centres),
after EXIF orientation, over white, converted as Pillow converts.
"""

import json
import pathlib

import numpy as np
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).parent.parent / "data" / "photos"
OUT.mkdir(parents=True, exist_ok=True)

SIDE_X, SIDE_Y = 48, 32


def blocks() -> Image.Image:
    """Sixteen flat colour blocks: chroma subsampling and rounding do not blur a block's centre."""
    random = np.random.default_rng(7)
    colors = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(np.kron(colors, np.ones((SIDE_Y // 4, SIDE_X // 4, 1), dtype=np.uint8)))


def oriented(image: Image.Image, orientation: int) -> tuple[Image.Image, bytes]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return image, exif.tobytes()


def with_black(image: Image.Image) -> Image.Image:
    """CMYK with the grey part in K; Pillow's own conversion leaves K empty."""
    ink = 255 - np.asarray(image).astype(np.float64)
    black = ink.min(axis=-1, keepdims=True)
    ink = (ink - black) * 255 / np.maximum(255 - black, 1)
    return Image.fromarray(np.concatenate([ink, black], axis=-1).round().astype(np.uint8), "CMYK")


def upright(path: pathlib.Path) -> Image.Image:
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode == "I;16":
        return Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


base = blocks()
for orientation in range(1, 9):
    image, exif = oriented(base, orientation)
    image.save(OUT / f"orientation_{orientation}.jpg", exif=exif, quality=95, subsampling=0)
image, exif = oriented(base, 6)
image.save(OUT / "orientation_6.png", exif=exif)
image.save(OUT / "orientation_6.webp", exif=exif, lossless=True)
with_black(base).save(OUT / "cmyk.jpg", quality=95)
base.convert("L").save(OUT / "grey.jpg", quality=95)
base.save(OUT / "progressive.jpg", progressive=True, quality=95, subsampling=2)
base.save(OUT / "lossy.webp", quality=95)
base.quantize(16).save(OUT / "palette.png")
palette = base.quantize(16)
palette.save(OUT / "palette_transparent.png", transparency=3)
wide = np.asarray(base.convert("L")).astype(np.uint16) * 257 + 31
Image.fromarray(wide).save(OUT / "grey16.png")
alpha = base.convert("RGBA")
alpha.putalpha(base.convert("L"))
alpha.save(OUT / "alpha.png")
alpha.save(OUT / "alpha.webp", lossless=True)
base.convert("1").save(OUT / "bilevel.png")
frames = [base.transpose(Image.Transpose.FLIP_LEFT_RIGHT), base.convert("L").convert("RGB")]
base.save(OUT / "animated.png", save_all=True, append_images=frames, duration=100)
base.save(OUT / "animated.webp", save_all=True, append_images=frames, duration=100, lossless=True)

# YCCK: Pillow writes plain CMYK only. The planes are its own; the Adobe marker says transform 2 (YCCK).
cmyk = np.asarray(with_black(base)).astype(np.float64)
red, green, blue = (cmyk[..., i] for i in range(3))
luma = 0.299 * red + 0.587 * green + 0.114 * blue
ycck = np.stack([luma, (blue - luma) / 1.772 + 128, (red - luma) / 1.402 + 128, 255 - cmyk[..., 3]], axis=-1)
# Pillow inverts all four planes when it writes CMYK; inverting first leaves what is meant.
planes = Image.fromarray((255 - np.clip(ycck.round(), 0, 255)).astype(np.uint8), "CMYK")
planes.save(OUT / "ycck.jpg", quality=95)
data = bytearray((OUT / "ycck.jpg").read_bytes())
marker = data.index(b"Adobe")
data[marker + 11] = 2
(OUT / "ycck.jpg").write_bytes(bytes(data))

expected = {}
for path in sorted(OUT.iterdir()):
    if path.suffix == ".json":
        continue
    image = upright(path)
    width, height = image.size
    points = [
        image.getpixel((width * (2 * column + 1) // 8, height * (2 * row + 1) // 8))
        for row in range(4)
        for column in range(4)
    ]
    expected[path.name] = {"size": [width, height], "points": points}
(OUT / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
