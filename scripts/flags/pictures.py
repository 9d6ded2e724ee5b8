"""Pictures of flags: drawn from the npm package, distorted by a seeded generator, read as the target reads them.

Picture number N of a seed is always the same picture, whatever was drawn before it.
"""

import base64
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

import cv2
import numpy as np
import resvg_py

PACKAGE = "flag-icons@7.5.0"
PACKAGE_SHA512 = "kd+MNXviFIg5hijH766tt+3x76ele1AXlo4zDdCxIvqWZhKt4T83bOtxUOOMlTx/EcFdUMH5yvQgYlFh1EqqFg=="
SIDE = 128

# The members of the United Nations, its two observers, and Kosovo and Taiwan, whose flags people will send too.
COUNTRIES = """
    ad ae af ag al am ao ar at au az ba bb bd be bf bg bh bi bj bn bo br bs bt bw by bz ca cd cf cg ch ci cl cm cn co cr cu cv cy
    cz de dj dk dm do dz ec ee eg er es et fi fj fm fr ga gb gd ge gh gm gn gq gr gt gw gy hn hr ht hu id ie il in iq ir is it jm
    jo jp ke kg kh ki km kn kp kr kw kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mr mt mu mv mw mx my mz na
    ne ng ni nl no np nr nz om pa pe pg ph pk pl pt pw py qa ro rs ru rw sa sb sc sd se sg si sk sl sm sn so sr ss st sv sy sz td
    tg th tj tl tm tn to tr tt tv tz ua ug us uy uz va vc ve vn vu ws ye za zm zw  ps xk tw
    """.split()
# Names by which people look for a country, in ASCII, so that each is the name of a file everywhere.
SHORT_NAMES = {
    "bn": "Brunei",
    "ci": "Ivory Coast",
    "fm": "Micronesia",
    "ps": "Palestine",
    "tr": "Turkey",
    "us": "United States",
    "va": "Vatican City",
}
# Flags that differ in a shade alone, which any change of light hides: an answer that chose one of them would be a guess.
ALIKE = [("td", "ro"), ("id", "mc")]

DRAWN_WIDTH, DRAWN_HEIGHT = 320, 240


def fetched(folder):
    """The package's files, from the registry that npm is set to; checked against the digest above."""
    archive = folder / "flag-icons.tgz"
    if not archive.exists():
        packed = subprocess.run(
            ["npm", "pack", PACKAGE, "--silent", "--pack-destination", folder], check=True, capture_output=True, text=True
        )
        (folder / packed.stdout.strip()).rename(archive)
    content = archive.read_bytes()
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if digest != PACKAGE_SHA512:
        raise SystemExit(f"{archive} is not {PACKAGE}: its SHA-512 is {digest}, allowed is {PACKAGE_SHA512}")
    return tarfile.open(fileobj=io.BytesIO(content))


class Flags:
    """Every country's flag as RGBA at three sizes, and the label that stands for it."""

    def __init__(self, folder):
        package = fetched(pathlib.Path(folder))

        def read(name):
            return package.extractfile(f"package/{name}").read().decode()

        names = {country["code"]: country["name"] for country in json.loads(read("country.json"))} | SHORT_NAMES
        label_of = {code: names[code] for code in COUNTRIES}
        for codes in ALIKE:
            both = " or ".join(sorted(names[code] for code in codes))
            label_of |= {code: both for code in codes}
        self.labels = sorted(set(label_of.values()))
        self.names = [names[code] for code in COUNTRIES]
        self.label_of = [self.labels.index(label_of[code]) for code in COUNTRIES]
        self.drawn = [self.draw(read(f"flags/4x3/{code}.svg")) for code in COUNTRIES]

    @staticmethod
    def draw(svg):
        """RGBA, in linear sizes of 1, 1/2 and 1/4: a small flag is made from a small drawing, so that it has no moire."""
        png = resvg_py.svg_to_bytes(svg_string=svg, width=DRAWN_WIDTH, height=DRAWN_HEIGHT)
        whole = cv2.imdecode(np.frombuffer(bytes(png), np.uint8), cv2.IMREAD_UNCHANGED)
        whole = cv2.cvtColor(whole, cv2.COLOR_BGRA2RGBA)
        return [cv2.resize(whole, None, fx=part, fy=part, interpolation=cv2.INTER_AREA) for part in (1, 0.5, 0.25)]


def background(random, width, height):
    """A wall, a sky, something out of focus, or a texture."""
    kind = random.integers(4)
    if kind == 0:
        return np.full((height, width, 3), random.integers(0, 256, 3), np.float32)
    cells = {1: (2, 2), 2: (6, 5), 3: (24, 18)}[int(kind)]
    low, high = np.sort(random.integers(0, 256, (2, 1, 1, 3)), axis=0)
    few = (low + (high - low) * random.random((cells[1], cells[0], 3))).astype(np.float32)
    return np.clip(cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255)


def corners(random, width, height):
    """Where the four corners of the flag come to lie in a picture of this size."""
    if random.random() < 0.15:
        # The flag is the picture, cut a little.
        cut = random.uniform(0, 0.08, 4) * [width, height, width, height]
        box = [-cut[0], -cut[1], width + cut[2], height + cut[3]]
        return np.float32([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]])
    shape = random.uniform(1.15, 1.95)
    wide = random.uniform(0.6, 1.02) * min(width, height * shape)
    half = np.array([wide, wide / shape]) / 2
    points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    points += random.uniform(-0.09, 0.09, (4, 2)) * wide
    angle = np.radians(np.clip(random.normal(0, 9), -25, 25))
    points = points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    room = np.abs(np.array([width, height]) / 2 - half) * 0.6 + 0.03 * wide
    return np.float32(points + np.array([width, height]) / 2 + random.uniform(-1, 1, 2) * room)


def placed(random, drawn, width, height):
    target = corners(random, width, height)
    long = np.linalg.norm(target[1] - target[0])
    flag = drawn[0] if long > 0.75 * DRAWN_WIDTH else drawn[1] if long > 0.375 * DRAWN_WIDTH else drawn[2]
    high, wide = flag.shape[:2]
    source = np.float32([[0, 0], [wide, 0], [wide, high], [0, high]]) - np.float32(0.5)
    turned = cv2.warpPerspective(flag, cv2.getPerspectiveTransform(source, target - np.float32(0.5)), (width, height))
    opaque = turned[..., 3:].astype(np.float32) / 255
    behind = background(random, width, height)
    return behind + (turned[..., :3].astype(np.float32) - behind) * opaque


def lit(random, picture):
    """Another light: saturation, white balance, shade across the picture, contrast, brightness."""
    height, width = picture.shape[:2]
    saturation = random.uniform(0.7, 1.2)
    gain = random.uniform(0.65, 1.25) * random.uniform(0.93, 1.07, 3)
    picture = cv2.transform(picture, gain[:, None] * (saturation * np.eye(3) + (1 - saturation) / 3))
    direction = random.uniform(0, 2 * np.pi)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(np.cos(direction))
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(direction))
    shade = 1 + np.float32(random.uniform(0, 0.3)) * (across + down)
    picture = np.rint(np.clip(picture * shade[..., None] + np.float32(random.uniform(-15, 25)), 0, 255))
    curve = (np.arange(256, dtype=np.float32) / 255) ** random.uniform(0.75, 1.35) * 255
    return cv2.LUT(picture.astype(np.uint8), curve.astype(np.float32))


def blurred(random, picture):
    kind = random.random()
    if kind < 0.5:
        return cv2.GaussianBlur(picture, (0, 0), random.uniform(0.2, 1.3))
    if kind < 0.65:
        # The camera moved.
        long = int(random.integers(3, 7))
        line = np.eye(long) if random.random() < 0.5 else np.eye(long)[::-1]
        line = line if random.random() < 0.5 else np.eye(long)[long // 2][None, :].repeat(long, 0)
        return cv2.filter2D(picture, -1, (line / line.sum()).astype(np.float32))
    return picture


# Drawing normal values anew for every picture would take as long as all the rest.
GRAIN = np.random.default_rng(0).normal(0, 1, 1 << 20).astype(np.float32)


def noisy(random, picture):
    start = random.integers(GRAIN.size - picture.size)
    grain = GRAIN[start : start + picture.size].reshape(picture.shape)
    return picture + grain * np.float32(max(0, random.uniform(-4, 16)))


def jpeg(flags, seed, number):
    """A distorted picture as the bytes of a JPEG file, and which flag it shows."""
    random = np.random.default_rng([seed, number])
    flag = int(random.integers(len(COUNTRIES)))
    shape = random.choice([4 / 3, 4 / 3, 1.5, 16 / 9, 1.0, 0.75])
    height = random.integers(108, 161) / np.sqrt(shape)
    width, height = int(height * shape), int(height)
    picture = placed(random, flags.drawn[flag], width, height)
    picture = noisy(random, blurred(random, lit(random, picture)))
    picture = cv2.cvtColor(np.clip(picture, 0, 255).astype(np.uint8), cv2.COLOR_RGB2BGR)
    _, file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(30, 91))])
    return file.tobytes(), flag


def read(file, filter=cv2.INTER_LINEAR):
    """The pixels that the model gets of a file."""
    picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return cv2.resize(picture, (SIDE, SIDE), interpolation=filter)
