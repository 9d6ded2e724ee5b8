#!/usr/bin/env python3
"""Makes the files beside it from pictures of tests/flags, with Pillow 13: encodings that the tests' own crates don't write.

Most show Mali's flag (green, yellow and red from the left), since in other colours, or turned, it is another country's.
"""

import io
import pathlib

from PIL import Image, ImageChops

HERE = pathlib.Path(__file__).parent


def flag(name):
    return Image.open(HERE.parent / "flags" / name).convert("RGB").resize((96, 72))


def jpeg(picture, **options):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80, **options)
    return file.getvalue()


mali, britain, korea = flag("064-Mali.jpg"), flag("093-United Kingdom.jpg"), flag("048-South Korea.jpg")
(HERE / "grey.jpg").write_bytes(jpeg(korea.convert("L")))
(HERE / "progressive.jpg").write_bytes(jpeg(mali, progressive=True))

# With Adobe's marker, and 255 for no ink, as all programs write it.
cmyk = mali.convert("CMYK")
adobe = jpeg(cmyk)
(HERE / "cmyk-adobe.jpg").write_bytes(adobe)
# Without it, and 0 for no ink: nothing in the file says so.
marker = adobe.index(b"\xff\xee")
plain = jpeg(ImageChops.invert(cmyk))
(HERE / "cmyk-plain.jpg").write_bytes(plain[:marker] + plain[marker + 16 :])
# Cyan, magenta and yellow as YCbCr, which the last byte of the marker says.
ycc = Image.merge("RGB", cmyk.split()[:3]).convert("YCbCr")
ycck = jpeg(Image.merge("CMYK", [*(ImageChops.invert(plane) for plane in ycc.split()), cmyk.split()[3]]))
(HERE / "ycck-adobe.jpg").write_bytes(ycck[: marker + 15] + b"\x02" + ycck[marker + 16 :])

few = mali.quantize(12, dither=Image.Dither.NONE)
few.save(HERE / "palette.png", optimize=True)
# Of the first colour nothing is seen.
few.save(HERE / "palette-transparent.png", optimize=True, transparency=0)
few.save(HERE / "animated.png", save_all=True, append_images=[britain.quantize(12, dither=Image.Dither.NONE)], duration=100)
