"""Pictures to ask about: 8 x 8 pixels from 0 to 16, rough strokes that the model will call some digit."""

import random

PIXELS = 64
STOCK = 256  # made once, so that making them costs the load nothing


def stroke(draw: random.Random) -> list[int]:
    pixels, column = [0] * PIXELS, draw.randint(2, 5)
    for row in range(8):
        column = min(6, max(1, column + draw.choice((-1, 0, 0, 1))))
        pixels[row * 8 + column] = draw.randint(10, 16)
        pixels[row * 8 + column + 1] = draw.randint(0, 8)
    return pixels


_draw = random.Random(7)
_stock = [stroke(_draw) for _ in range(STOCK)]


def picture() -> list[int]:
    return _draw.choice(_stock)
