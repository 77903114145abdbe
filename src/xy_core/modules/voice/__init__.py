"""Speech: hearing it and speaking it."""

from xy_core.modules.voice.audio_file import read_audio, write_wav
from xy_core.modules.voice.endpointing import (
    EndpointConfig,
    Endpointer,
    SpeechEnded,
    SpeechStarted,
)
from xy_core.modules.voice.markup import SpeechMarkup
from xy_core.modules.voice.references import Reference, ReferenceBank
from xy_core.modules.voice.sentences import SentenceSplitter, split_sentences
from xy_core.modules.voice.service import VoiceService
from xy_core.modules.voice.speakable import spoken_text
from xy_core.modules.voice.transcript import (
    LiveTranscript,
    Transcript,
    TranscriptSegment,
    Word,
)
from xy_core.modules.voice.types import Audio, VoiceStyle

__all__ = [
    "Audio",
    "EndpointConfig",
    "Endpointer",
    "LiveTranscript",
    "Reference",
    "ReferenceBank",
    "SentenceSplitter",
    "SpeechEnded",
    "SpeechMarkup",
    "SpeechStarted",
    "Transcript",
    "TranscriptSegment",
    "VoiceService",
    "VoiceStyle",
    "Word",
    "read_audio",
    "split_sentences",
    "spoken_text",
    "write_wav",
]
