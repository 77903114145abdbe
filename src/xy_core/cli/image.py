"""``xy-core image``: a picture from words, or from another picture."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from xy_core.cli.i18n import tr
from xy_core.core.errors import InputError
from xy_core.modules.image import Generated, ImageRequest, ImageService, Step, write_png
from xy_core.modules.image.complete import complete
from xy_core.modules.vision import Picture
from xy_core.runtime import open_runtime
from xy_core.settings import Settings


@dataclass(frozen=True, slots=True)
class ImageWish:
    """What the user asked for on the command line; None where the settings decide."""

    prompt: str
    out: Path
    init: Path | None
    mask: Path | None
    negative: str | None
    size: str
    steps: int | None
    seed: int | None
    count: int
    scheduler: str | None
    strength: float

    def read(self, settings: Settings) -> ImageRequest:
        """Read the files; this comes before any model is loaded, so that mistakes show at once.

        Raises:
            InputError: a file cannot be used, or the request is impossible.
        """
        most = settings.vision.max_pixels
        width, height = _size(self.size)
        request = ImageRequest(
            prompt=self.prompt,
            negative=self.negative,
            width=width,
            height=height,
            steps=self.steps,
            seed=self.seed,
            count=self.count,
            scheduler=self.scheduler,  # type: ignore[arg-type]  # checked below
            init=Picture.load(self.init, most).pixels if self.init else None,
            mask=Picture.load(self.mask, most).pixels.max(axis=2) if self.mask else None,
            strength=self.strength,
        )
        complete(request, settings.image)
        return request

    def target(self, index: int) -> Path:
        """Return where a picture goes; several are numbered from 1."""
        if self.count == 1:
            return self.out
        return self.out.with_stem(f"{self.out.stem}-{index + 1}")


def run_image(settings: Settings, wish: ImageWish, *, as_json: bool) -> None:
    """Paint, save, and say what was saved."""
    saved = asyncio.run(_paint(settings, wish))
    if as_json:
        pictures = [
            {"path": str(path), "seed": made.seed, "flagged": made.flagged} for path, made in saved
        ]
        sys.stdout.write(json.dumps({"images": pictures}, ensure_ascii=False) + "\n")
        return
    out = Console()
    for path, made in saved:
        note = tr(" (blacked out by the safety checker)", "（已被安全检查涂黑）")
        seed = "" if made.seed is None else f"  seed {made.seed}"
        out.print(f"{path}{seed}{note if made.flagged else ''}", markup=False, soft_wrap=True)


async def _paint(settings: Settings, wish: ImageWish) -> list[tuple[Path, Generated]]:
    request = wish.read(settings)
    saved: list[tuple[Path, Generated]] = []
    async with open_runtime(settings, ("image",)) as runtime:
        image = runtime.engine.module(ImageService)
        with _progress() as show:
            async with image.generate(request) as events:
                async for event in events:
                    if isinstance(event, Step):
                        show(event)
                        continue
                    target = wish.target(event.index)
                    await asyncio.to_thread(write_png, target, event.pixels)
                    saved.append((target, event))
    return saved


@contextmanager
def _progress() -> Iterator[Callable[[Step], None]]:
    """Show a bar of the steps; yields what is told of each."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as bars:
        # Without a total it moves to and fro: loading takes a while, and servers tell no steps.
        bar = bars.add_task(tr("painting", "绘制中"), total=None)
        yield lambda step: bars.update(bar, completed=step.done, total=step.total)


def _size(text: str) -> tuple[int | None, int | None]:
    if not text:
        return None, None
    width, cross, height = text.lower().partition("x")
    if not cross or not (width.isdecimal() and height.isdecimal()):
        raise InputError(f"--size {text}: write it as WIDTHxHEIGHT, such as 512x512")
    return int(width), int(height)
