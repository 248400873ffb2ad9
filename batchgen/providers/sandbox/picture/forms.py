"""Compositions without a place: tiles, orbits, ribbons, facets, bloom. Each paints a canvas from dice and knows no colours."""

import itertools
import math
import random

from batchgen.providers.sandbox.picture.canvas import Canvas, Point


def tiles(canvas: Canvas, dice: random.Random) -> None:
    """A quilt of quarter circles, halves, dots and stripes."""
    count = dice.choice((4, 5, 6))
    side = 1 / count
    greys = (18, 62, 105, 150, 196, 242)
    for row in range(math.ceil(canvas.height * count)):
        for column in range(math.ceil(canvas.width * count)):
            ground, shape = dice.sample(greys, 2)
            x, y = column * side, row * side
            canvas.box((x, y), (x + side, y + side), ground)
            _tile(canvas, dice, (x, y, side), (ground, shape))


def orbits(canvas: Canvas, dice: random.Random) -> None:
    """A planet, its rings and moons before a field of stars."""
    canvas.gradient(8, dice.uniform(60, 95))
    for _ in range(130):
        place = (canvas.width * dice.random(), canvas.height * dice.random())
        canvas.disc(place, dice.choice((0.0012, 0.002, 0.003)), dice.uniform(120, 250))
    centre = (canvas.width * dice.uniform(0.36, 0.64), canvas.height * dice.uniform(0.36, 0.5))
    canvas.glow(centre, 0.62, 150)
    for orbit in range(dice.randint(3, 5)):
        radius = 0.27 + 0.085 * orbit
        canvas.ring(centre, radius, 170 - 18 * orbit, thickness=0.0025)
        turn = dice.uniform(0, math.tau)
        moon = (centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn))
        canvas.disc(moon, dice.uniform(0.012, 0.034), 245 - 22 * orbit)
    _planet(canvas, dice, centre, dice.uniform(0.16, 0.22))


def ribbons(canvas: Canvas, dice: random.Random) -> None:
    """Bands that flow across, each a step darker or lighter."""
    canvas.gradient(245, 225)
    bands = dice.randint(11, 16)
    pitch, turn, drift = dice.uniform(1.6, 3.4), dice.uniform(0, 6.3), dice.uniform(0.15, 0.5)
    for band in range(bands):
        depth = band / (bands - 1)
        level = canvas.height * (0.1 + 0.95 * depth)
        swing = 0.05 + 0.1 * math.sin(math.pi * depth)
        outline = [
            (
                x,
                level
                + swing * math.sin(x * pitch + turn + band * drift)
                + swing * 0.4 * math.sin(x * pitch * 2.3 - band * drift),
            )
            for x in (canvas.width * step / 70 for step in range(71))
        ]
        grey = 235 - 222 * depth + (16 if band % 2 else -10)
        canvas.below(outline, max(6, grey))
        if band % 3 == 1:
            canvas.line([(x, y + 0.012) for x, y in outline], min(255, grey + 50), thickness=0.003)


def facets(canvas: Canvas, dice: random.Random) -> None:
    """A crumpled sheet of triangles lit from one corner."""
    count = dice.choice((7, 8, 9, 10))
    columns, rows = math.ceil(canvas.width * count), math.ceil(canvas.height * count)
    grid = [
        [((x + dice.uniform(-0.36, 0.36)) / count, (y + dice.uniform(-0.36, 0.36)) / count) for x in range(-1, columns + 2)]
        for y in range(-1, rows + 2)
    ]
    light = (canvas.width * dice.uniform(0.1, 0.9), canvas.height * dice.uniform(-0.1, 0.45))
    reach = math.hypot(canvas.width, canvas.height) * 0.8
    for upper, lower in itertools.pairwise(grid):
        for (a, c), (b, d) in itertools.pairwise(zip(upper, lower, strict=True)):
            for corners in ((a, b, c), (b, d, c)) if dice.random() < 0.5 else ((a, b, d), (a, d, c)):
                x, y = (sum(axis) / 3 for axis in zip(*corners, strict=True))
                distance = math.hypot(x - light[0], y - light[1]) / reach
                canvas.polygon(corners, min(252, max(6, 250 - 245 * distance + dice.uniform(-24, 24))))


def bloom(canvas: Canvas, dice: random.Random) -> None:
    """A flower of many rings of petals."""
    dark = dice.random() < 0.5
    canvas.gradient(*((20, 70) if dark else (225, 246)))
    centre = (canvas.width * dice.uniform(0.42, 0.58), canvas.height * dice.uniform(0.4, 0.47))
    canvas.glow(centre, 0.7, 130 if dark else 250)
    petals, rings = dice.choice((8, 10, 12, 14, 16)), dice.randint(5, 7)
    plump = dice.uniform(0.75, 1.35)
    for ring in range(rings):
        depth = ring / (rings - 1)
        length = 0.46 - 0.37 * depth
        grey = 60 + 175 * depth if dark else 190 - 165 * depth
        for petal in range(petals):
            turn = math.tau * (petal + ring * 0.5) / petals
            canvas.polygon(_petal(centre, turn, length, plump * math.pi / petals * length), grey - 14 * (petal % 2))
    canvas.disc(centre, 0.066, 110 if dark else 14)
    canvas.disc(centre, 0.056, 250)
    for dot in range(21):
        turn, radius = dot * 2.39996, 0.0105 * math.sqrt(dot)
        canvas.disc((centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn)), 0.0045, 90)


def _tile(canvas: Canvas, dice: random.Random, place: tuple[float, float, float], greys: tuple[int, int]) -> None:
    x, y, side = place
    ground, shape = greys
    kind = dice.randrange(7)
    corner = dice.randrange(4)
    if kind <= 2:
        pivot = (x + side * (corner in (1, 2)), y + side * (corner in (2, 3)))
        for step, grey in ((1.0, shape), (0.66, ground), (0.33, shape))[: 1 + 2 * (kind == 1)]:
            canvas.pie(pivot, side * step, (corner * 90, corner * 90 + 90), grey)
    elif kind == 3:
        canvas.disc((x + side / 2, y + side / 2), side * 0.36, shape)
        canvas.disc((x + side / 2, y + side / 2), side * 0.16, ground)
    elif kind == 4:
        for stripe in range(3):
            top = y + side * (stripe / 3 + 1 / 12)
            canvas.box((x, top), (x + side, top + side / 6), shape)
    elif kind == 5:
        corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
        canvas.polygon([corners[(corner + step) % 4] for step in range(3)], shape)
    else:
        canvas.pie((x + side / 2, y), side / 2, (0, 180), shape)
        canvas.pie((x + side / 2, y + side / 2), side / 2, (0, 180), shape)


def _planet(canvas: Canvas, dice: random.Random, centre: Point, radius: float) -> None:
    """A ball shaded by discs that shrink toward the light."""
    steps = 64
    turn = dice.uniform(math.pi * 1.1, math.pi * 1.9)
    for step in range(steps):
        part = step / steps
        shift = radius * part * 0.62
        inner = (centre[0] + shift * math.cos(turn), centre[1] + shift * math.sin(turn))
        canvas.disc(inner, radius * (1 - part * 0.98) * (1 - 0.1 * part), 62 + 190 * part**0.8)
    canvas.ring(centre, radius * 1.06, 235, thickness=0.003)


def _petal(centre: Point, turn: float, length: float, half: float) -> list[Point]:
    cos, sin = math.cos(turn), math.sin(turn)
    along = [step / 8 for step in range(9)]
    rim = [(length * t, half * math.sin(math.pi * t**0.8)) for t in along]
    outline = [*rim, *((x, -y) for x, y in reversed(rim))]
    return [(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in outline]
