"""Speech: hearing it and speaking it."""

from xy_core.modules.voice.audio_file import read_audio, write_wav
from xy_core.modules.voice.references import Reference, ReferenceBank
from xy_core.modules.voice.sentences import SentenceSplitter, split_sentences
from xy_core.modules.voice.service import VoiceService
from xy_core.modules.voice.speakable import spoken_text
from xy_core.modules.voice.types import Audio, Transcript, TranscriptSegment, VoiceStyle

__all__ = [
    "Audio",
    "Reference",
    "ReferenceBank",
    "SentenceSplitter",
    "Transcript",
    "TranscriptSegment",
    "VoiceService",
    "VoiceStyle",
    "read_audio",
    "split_sentences",
    "spoken_text",
    "write_wav",
]
