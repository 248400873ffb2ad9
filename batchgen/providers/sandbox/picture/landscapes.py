"""Compositions of places: hills, sea, forest, city, desert. Each paints a whole canvas from dice and knows no colours."""

import math
import random

from batchgen.providers.sandbox.picture.canvas import Canvas, Point


def hills(canvas: Canvas, dice: random.Random) -> None:
    """Ridges one behind the other, a sun between them."""
    canvas.gradient(dice.uniform(95, 150), 238)
    sun = (canvas.width * dice.uniform(0.25, 0.75), canvas.height * dice.uniform(0.24, 0.42))
    _sun(canvas, dice, sun, radius=dice.uniform(0.08, 0.15))
    layers = dice.randint(5, 7)
    start = canvas.height * dice.uniform(0.44, 0.56)
    for layer in range(layers):
        depth = layer / (layers - 1)
        height = start + (canvas.height * 1.02 - start) * depth**1.15 * 0.88
        canvas.below(_ridge(canvas, dice, height, 0.05 + 0.07 * (1 - depth)), 205 - 195 * depth**0.75)
    _birds(canvas, dice, sun)


def sea(canvas: Canvas, dice: random.Random) -> None:
    """A low sun over water, its light broken by the waves, perhaps a sail."""
    canvas.gradient(dice.uniform(80, 130), 245)
    horizon = canvas.height * dice.uniform(0.5, 0.6)
    sun = (canvas.width * dice.uniform(0.3, 0.7), horizon - dice.uniform(-0.02, 0.16))
    radius = dice.uniform(0.1, 0.17)
    _sun(canvas, dice, sun, radius=radius)
    canvas.below(_ridge(canvas, dice, horizon - 0.01, 0.035), 165)
    canvas.box((0, horizon), (canvas.width, canvas.height), 118)
    _water(canvas, dice, horizon, glitter=(sun[0], radius))
    for _ in range(dice.randint(1, 3)):
        place = (canvas.width * dice.uniform(0.1, 0.9), horizon + dice.uniform(0.02, 0.14))
        _boat(canvas, place, 0.05 + (place[1] - horizon) * 0.6, dice.choice((-1, 1)))


def forest(canvas: Canvas, dice: random.Random) -> None:
    """Rows of firs fading into mist under a pale sky."""
    canvas.gradient(dice.uniform(140, 190), 246)
    moon = (canvas.width * dice.uniform(0.2, 0.8), canvas.height * dice.uniform(0.16, 0.3))
    canvas.glow(moon, 0.34, 255)
    canvas.disc(moon, dice.uniform(0.05, 0.1), 255)
    canvas.below(_ridge(canvas, dice, canvas.height * 0.42, 0.11), 208)
    rows = 5
    for row in range(rows):
        depth = row / (rows - 1)
        ground = canvas.height * (0.5 + 0.42 * depth)
        grey = 178 - 170 * depth**0.8
        outline = _ridge(canvas, dice, ground, 0.04)
        canvas.below(outline, grey)
        _firs(canvas, dice, outline, (0.1 + 0.26 * depth**1.3, grey))


def city(canvas: Canvas, dice: random.Random) -> None:
    """A skyline in three depths with lit windows."""
    canvas.gradient(dice.uniform(45, 100), 215)
    moon = (canvas.width * dice.uniform(0.15, 0.85), canvas.height * dice.uniform(0.18, 0.34))
    _sun(canvas, dice, moon, radius=dice.uniform(0.07, 0.16))
    for base, tallest, grey, lit in ((0.62, 0.3, 150, 0.0), (0.74, 0.38, 88, 0.3), (0.9, 0.4, 20, 0.42)):
        left = -dice.uniform(0, 0.08)
        while left < canvas.width:
            width = dice.uniform(0.06, 0.15)
            roof = canvas.height * base - dice.uniform(0.25, 1.0) * tallest
            _tower(canvas, dice, (left, roof, width), (grey, lit))
            left += width + dice.choice((0, 0, 0.012, 0.03))


def dunes(canvas: Canvas, dice: random.Random) -> None:
    """Sweeping dunes with a lit and a shaded side."""
    canvas.gradient(dice.uniform(110, 170), 240)
    sun = (canvas.width * dice.uniform(0.15, 0.85), canvas.height * dice.uniform(0.2, 0.36))
    _sun(canvas, dice, sun, radius=dice.uniform(0.06, 0.2))
    layers = 5
    for layer in range(layers):
        depth = layer / (layers - 1)
        level = canvas.height * (0.52 + 0.42 * depth)
        crest = (canvas.width * dice.uniform(0.15, 0.85), level - dice.uniform(0.1, 0.2))
        light = 214 - 120 * depth
        rise = _sweep((-0.1, level + 0.1), crest)
        fall = _sweep((canvas.width + 0.1, level + 0.12), crest)[::-1]
        canvas.polygon([*rise, *fall, (canvas.width + 0.1, canvas.height), (-0.1, canvas.height)], light)
        foot = (crest[0] + dice.uniform(-0.35, 0.35), canvas.height + 0.05)
        ridge = [(x + 0.05 * math.sin(y * 9 + layer), y) for x, y in _sweep(crest, foot)]
        canvas.polygon([crest, *fall, (canvas.width + 0.1, canvas.height), *ridge[::-1]], light * 0.5)


def _sun(canvas: Canvas, dice: random.Random, centre: Point, *, radius: float) -> None:
    canvas.glow(centre, radius * dice.uniform(3.2, 4.6), 255)
    if dice.random() < 0.5:
        for step in range(3, 0, -1):
            canvas.ring(centre, radius * (1 + 0.32 * step), 250 - 6 * step, thickness=0.003)
    canvas.disc(centre, radius, 255)


def _ridge(canvas: Canvas, dice: random.Random, level: float, swing: float) -> list[Point]:
    waves = [(dice.uniform(1, 2.2) * 2**octave, dice.uniform(0, 6.3), swing / 1.7**octave) for octave in range(4)]
    steps = 110
    places = [canvas.width * step / steps for step in range(steps + 1)]
    return [(x, level - sum(size * math.sin(x * pitch * 2.4 + turn) for pitch, turn, size in waves)) for x in places]


def _birds(canvas: Canvas, dice: random.Random, near: Point) -> None:
    for _ in range(dice.randint(0, 6)):
        x, y = near[0] + dice.uniform(-0.35, 0.35), near[1] + dice.uniform(-0.16, 0.1)
        span = dice.uniform(0.012, 0.024)
        wings = [(x - span, y - span * 0.5), (x - span * 0.4, y - span * 0.55), (x, y), (x + span * 0.4, y - span * 0.55)]
        canvas.line([*wings, (x + span, y - span * 0.5)], 25, thickness=0.004)


def _water(canvas: Canvas, dice: random.Random, horizon: float, *, glitter: tuple[float, float]) -> None:
    middle, radius = glitter
    rows = 34
    for row in range(rows):
        depth = row / rows
        y = horizon + (canvas.height - horizon) * depth**1.5
        thick = 0.002 + 0.016 * depth
        canvas.box((0, y), (canvas.width, canvas.height), 118 - 106 * depth)
        for _ in range(4):
            x, reach = canvas.width * dice.random(), dice.uniform(0.03, 0.2)
            canvas.line([(x - reach, y), (x + reach, y)], 135 - 105 * depth, thickness=thick * 0.5)
        reach = radius * dice.uniform(0.25, 1.0) * (1.05 - 0.5 * depth)
        shift = radius * dice.uniform(-0.35, 0.35)
        canvas.line([(middle + shift - reach, y), (middle + shift + reach, y)], 250 - 70 * depth, thickness=thick)


def _boat(canvas: Canvas, place: Point, size: float, heading: int) -> None:
    x, y = place
    hull = [(x - size * 0.5, y - size * 0.16), (x + size * 0.5, y - size * 0.16), (x + size * 0.32, y), (x - size * 0.36, y)]
    canvas.polygon(hull, 8)
    canvas.polygon([(x, y - size * 1.3), (x, y - size * 0.2), (x + heading * size * 0.5, y - size * 0.26)], 240)
    canvas.polygon([(x, y - size * 1.1), (x, y - size * 0.2), (x - heading * size * 0.34, y - size * 0.24)], 200)
    canvas.line([(x, y - size * 1.36), (x, y - size * 0.1)], 8, thickness=size * 0.035)


def _firs(canvas: Canvas, dice: random.Random, ground: list[Point], look: tuple[float, float]) -> None:
    tall, grey = look
    place = 0.0
    while place < canvas.width:
        x, y = ground[min(int(place / canvas.width * (len(ground) - 1)), len(ground) - 1)]
        height = tall * dice.uniform(0.55, 1.1)
        half = height * dice.uniform(0.15, 0.21)
        tiers = 4
        for tier in range(tiers):
            top = y - height * (1 - tier * 0.2)
            foot = y - height * (1 - tier * 0.2) + height * 0.42
            reach = half * (0.4 + 0.6 * (tier + 1) / tiers)
            canvas.polygon([(x, top), (x + reach, foot), (x, foot - height * 0.05), (x - reach, foot)], grey)
        canvas.box((x - half * 0.09, y - height * 0.1), (x + half * 0.09, y + 0.03), grey)
        place += half * dice.uniform(0.8, 2.6)


def _tower(canvas: Canvas, dice: random.Random, place: tuple[float, float, float], look: tuple[float, float]) -> None:
    left, roof, width = place
    grey, lit = look
    canvas.box((left, roof), (left + width, canvas.height), grey)
    crown = dice.randrange(4)
    if crown == 0:
        canvas.line([(left + width / 2, roof), (left + width / 2, roof - 0.07)], grey, thickness=0.006)
    elif crown == 1:
        canvas.polygon([(left, roof), (left + width / 2, roof - width * 0.5), (left + width, roof)], grey)
    elif crown == 2:
        canvas.box((left + width * 0.2, roof - 0.025), (left + width * 0.8, roof), grey)
    if not lit:
        return
    columns = max(2, int(width / 0.026))
    pitch = width / columns
    for row in range(min(18, int((canvas.height - roof) / 0.036))):
        for column in range(columns):
            if dice.random() < lit:
                x, y = left + (column + 0.28) * pitch, roof + 0.022 + row * 0.036
                canvas.box((x, y), (x + pitch * 0.44, y + 0.018), dice.choice((238, 215, 180)))


def _sweep(start: Point, end: Point) -> list[Point]:
    """A curve that leaves flat and arrives steep, like sand under wind."""
    steps = 40
    along = [step / steps for step in range(steps + 1)]
    return [(start[0] + (end[0] - start[0]) * t, start[1] + (end[1] - start[1]) * t**1.7) for t in along]
