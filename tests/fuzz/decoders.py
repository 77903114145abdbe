"""Every decoder of files that come from elsewhere, fed by atheris: any bytes, one typed error.

Run by  make fuzz-decoders  (SECONDS=60 for each); by hand:
python tests/fuzz/decoders.py picture -max_total_time=60
libFuzzer ends the run where anything but the decoder's own error comes out, where one input takes
over ten seconds, or where the process grows beyond a gigabyte.
"""

from __future__ import annotations

import io
import sys
import tempfile
import wave
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["PIL", "tomllib", "xy_core"]):
    from PIL import Image

    from xy_core.core.errors import AudioError, ConfigError, ImageError, ModelError
    from xy_core.models import bundled_catalogue
    from xy_core.models.gguf_header import read_gguf_header
    from xy_core.modules.vision import Picture
    from xy_core.modules.voice.audio_file import read_audio

LIMITS = ("-timeout=10", "-rss_limit_mb=1024", "-max_len=65536")


def seeds_of_pictures() -> list[bytes]:
    """Return a small picture of each format."""
    seeds = []
    for form in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"):
        content = io.BytesIO()
        Image.effect_noise((16, 16), 50).convert("RGB").save(content, form)
        seeds.append(content.getvalue())
    return seeds


def seed_of_audio() -> bytes:
    """Return a tenth of a second of silence."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(1_600))
    return content.getvalue()


DECODERS: dict[str, tuple[Callable[[Path], object], type[Exception], Callable[[], list[bytes]]]] = {
    "catalogue": (
        lambda path: bundled_catalogue().extended(path),
        ConfigError,
        lambda: [(files("xy_core.models") / "catalogue.toml").read_bytes()[:4_000]],
    ),
    "gguf": (
        read_gguf_header,
        ModelError,
        lambda: [b"GGUF\3\0\0\0" + bytes(16) + b"\0" * 64],
    ),
    "picture": (lambda path: Picture.load(path, 1_000_000), ImageError, seeds_of_pictures),
    "audio": (lambda path: read_audio(path, 5.0), AudioError, lambda: [seed_of_audio()]),
}
"""By name: what decodes a file, its only error, and files to begin with."""


def main() -> None:
    """Fuzz the decoder that the first argument names; further arguments are libFuzzer's."""
    name, *options = sys.argv[1:]
    decode, error, seeds = DECODERS[name]
    with tempfile.TemporaryDirectory() as folder:
        corpus, file = Path(folder, "corpus"), Path(folder, "input")
        corpus.mkdir()
        for number, seed in enumerate(seeds()):
            (corpus / str(number)).write_bytes(seed)

        def one(data: bytes) -> None:
            file.write_bytes(data)
            with suppress(error):
                decode(file)

        atheris.Setup([sys.argv[0], str(corpus), *LIMITS, *options], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
