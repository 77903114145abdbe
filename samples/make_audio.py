"""Makes sad_news.wav: a synthetic voice says a sad sentence, slowly and low.

Run it in an environment with this project and its `embedded` extra:

    xy-core models pull piper-en-joe
    python samples/make_audio.py
"""

from pathlib import Path

from xy_core.models import ModelStore
from xy_core.modules.voice import Audio, VoiceStyle, write_wav
from xy_core.modules.voice.backends.piper import PiperSynthesizer
from xy_core.settings import load_settings

SENTENCE = "My grandmother died last night, and I do not know what to do."
RATE = 16_000
EDGE = 0.3
"""Seconds of silence at both ends."""

store = ModelStore(load_settings().models.root)
voice = PiperSynthesizer(store.get("piper-en-joe").file("en_US-joe-medium.onnx"))
voice.load()
style = VoiceStyle(rate=0.9, pitch=-1.0, energy=0.8)
spoken = Audio.concat(voice.synthesize(SENTENCE, "en", style)).resampled(RATE)
silence = Audio.silence(EDGE, RATE)
target = Path(__file__).with_name("sad_news.wav")
write_wav(target, Audio.concat([silence, spoken, silence]))
