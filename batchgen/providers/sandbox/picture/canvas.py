"""A grey surface to paint on, measured in units of its short edge, so that one composition fits every size.

Painted twice as large and reduced, which smooths the edges; large pictures are painted as they are, to stay quick.
"""

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw

Point = tuple[float, float]

# Up to this many pixels a picture is painted twice as wide and twice as high.
_SMOOTH_PIXELS = 2_000_000


class Canvas:
    """`width` and `height` are in units; one of them is 1. Greys run from 0 (dark) to 255 (light)."""

    def __init__(self, width: int, height: int) -> None:
        self._factor = 2 if width * height <= _SMOOTH_PIXELS else 1
        self._scale = min(width, height) * self._factor
        self.width = width / min(width, height)
        self.height = height / min(width, height)
        self._image = Image.new("L", (width * self._factor, height * self._factor))
        self._draw = ImageDraw.Draw(self._image)

    def finish(self) -> Image.Image:
        """The picture at its real size."""
        return self._image.reduce(self._factor) if self._factor > 1 else self._image

    def gradient(self, top: float, bottom: float) -> None:
        """Fill everything, from one grey at the top to another at the bottom."""
        ramp = Image.linear_gradient("L").point([round(top + (bottom - top) * step / 255) for step in range(256)])
        column = ramp.resize((1, self._image.height), Image.Resampling.BILINEAR)
        self._image.paste(column.resize(self._image.size, Image.Resampling.NEAREST))

    def glow(self, centre: Point, radius: float, grey: float) -> None:
        """Light around a point, brightest in the middle; it never darkens what is there."""
        x, y, reach = (length * self._scale for length in (*centre, radius))
        left, top = max(int(x - reach), 0), max(int(y - reach), 0)
        right, bottom = min(int(x + reach), self._image.width), min(int(y + reach), self._image.height)
        if left >= right or top >= bottom:
            return
        # The gradient of Pillow is 256 wide, 0 in the middle and 180 at the middle of each of its sides.
        fade = Image.radial_gradient("L").point([round(grey * max(0.0, 1 - step / 180)) for step in range(256)])
        edges = ((left, x), (top, y), (right, x), (bottom, y))
        seen = [min(max((edge - middle + reach) * 128 / reach, 0.0), 256.0) for edge, middle in edges]
        # Smoothed at half the edge and doubled: the reduction takes the doubling back, and it is four times quicker.
        half = ((right - left + 1) // 2, (bottom - top + 1) // 2)
        light = fade.resize(half, Image.Resampling.BILINEAR, box=(seen[0], seen[1], seen[2], seen[3]))
        light = light.resize((right - left, bottom - top), Image.Resampling.NEAREST)
        self._image.paste(ImageChops.lighter(self._image.crop((left, top, right, bottom)), light), (left, top))

    def disc(self, centre: Point, radius: float, grey: float) -> None:
        self._draw.ellipse(self._box(centre, radius), fill=int(grey))

    def ring(self, centre: Point, radius: float, grey: float, *, thickness: float = 0.004) -> None:
        self._draw.ellipse(self._box(centre, radius), outline=int(grey), width=self._pixels(thickness))

    def pie(self, centre: Point, radius: float, angles: tuple[float, float], grey: float) -> None:
        """A piece of a disc between two angles in degrees, clockwise from three o'clock."""
        self._draw.pieslice(self._box(centre, radius), *angles, fill=int(grey))

    def polygon(self, points: Sequence[Point], grey: float) -> None:
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in points], fill=int(grey))

    def below(self, outline: Sequence[Point], grey: float) -> None:
        """Everything under a line that runs from the left edge to the right one."""
        self.polygon([*outline, (self.width, self.height), (0, self.height)], grey)

    def box(self, corner: Point, opposite: Point, grey: float) -> None:
        (left, top), (right, bottom) = corner, opposite
        self._draw.rectangle([left * self._scale, top * self._scale, right * self._scale, bottom * self._scale], fill=int(grey))

    def line(self, points: Sequence[Point], grey: float, *, thickness: float = 0.004) -> None:
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        self._draw.line(scaled, fill=int(grey), width=self._pixels(thickness), joint="curve")

    def _pixels(self, length: float) -> int:
        return max(1, round(length * self._scale))

    def _box(self, centre: Point, radius: float) -> tuple[float, float, float, float]:
        (x, y), r = (place * self._scale for place in centre), radius * self._scale
        return x - r, y - r, x + r, y + r
