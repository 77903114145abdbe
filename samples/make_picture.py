"""Makes sign.png: a sign with one English and one Chinese line.

The font is Noto Sans CJK SC (SIL Open Font License 1.1), taken from the wheel `mplfonts`:

    pip install pillow
    pip download --no-deps mplfonts==0.0.11
    unzip mplfonts-*.whl 'mplfonts/fonts/NotoSansCJKsc-Regular.otf'
    python samples/make_picture.py mplfonts/fonts/NotoSansCJKsc-Regular.otf
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE = (720, 420)
WOOD = (112, 66, 36)
CREAM = (250, 240, 215)
GREEN = (34, 92, 64)
LINES = (("Welcome to the tea house", 44, 160), ("欢迎光临茶馆", 72, 270))

picture = Image.new("RGB", SIZE, WOOD)
draw = ImageDraw.Draw(picture)
draw.rounded_rectangle((30, 30, SIZE[0] - 30, SIZE[1] - 30), radius=24, fill=CREAM)
for words, points, height in LINES:
    font = ImageFont.truetype(sys.argv[1], points)
    draw.text((SIZE[0] / 2, height), words, fill=GREEN, font=font, anchor="mm")
picture.save(Path(__file__).with_name("sign.png"), optimize=True)
