"""Which files a sherpa-onnx model consists of, and how it is made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xy_core.core.errors import BackendError
from xy_core.modules.voice.config import SherpaKind
from xy_core.modules.voice.libraries import library

_PARTS: dict[str, tuple[str, dict[str, str]]] = {
    "sense-voice": ("from_sense_voice", {"model": "*model*.onnx"}),
    "paraformer": ("from_paraformer", {"paraformer": "*model*.onnx"}),
    "transducer": (
        "from_transducer",
        {part: f"*{part}*.onnx" for part in ("encoder", "decoder", "joiner")},
    ),
    "zipformer-ctc": ("from_zipformer2_ctc", {"model": "*model*.onnx"}),
    "nemo-ctc": ("from_nemo_ctc", {"model": "*model*.onnx"}),
}
"""For each kind: what makes its recogniser, and the names of its files in k2-fsa's releases."""
_STREAMING_PARAFORMER = {part: f"*{part}*.onnx" for part in ("encoder", "decoder")}
_STREAMING = "streaming-"


def is_streaming(kind: SherpaKind) -> bool:
    """Whether models of that kind take sound as it comes."""
    return kind.startswith(_STREAMING)


def make_recogniser(folder: Path, kind: SherpaKind, threads: int) -> Any:  # noqa: ANN401 - untyped library
    """Make sherpa-onnx's recogniser; blocks while the model is read.

    A model without the metadata that sherpa-onnx asks for ends the whole process, by sherpa-onnx's
    own choice: host models that you do not trust with ``voice.isolation = "process"``.

    Raises:
        MissingExtraError: sherpa-onnx is not installed.
        BackendError: a file is missing, or the library refuses it.
    """
    sherpa = library("sherpa_onnx", "sherpa-onnx")
    factory, patterns = _PARTS.get(kind.removeprefix(_STREAMING), ("", {}))
    if kind == "streaming-paraformer":
        patterns = _STREAMING_PARAFORMER
    files = {name: _find(folder, pattern) for name, pattern in patterns.items()}
    files["tokens"] = _find(folder, "tokens.txt")
    options: dict[str, Any] = {"num_threads": threads}
    if is_streaming(kind):
        options["enable_endpoint_detection"] = True
    maker = sherpa.OnlineRecognizer if is_streaming(kind) else sherpa.OfflineRecognizer
    try:
        return getattr(maker, factory)(**files, **options)
    except Exception as error:  # sherpa-onnx raises whatever onnxruntime raises
        raise BackendError(f"sherpa-onnx cannot load {folder} as {kind}: {error}") from error


def _find(folder: Path, pattern: str) -> str:
    found = sorted(folder.glob(pattern))
    if not found:
        raise BackendError(f"{folder} has no {pattern}: run  xy-core models verify")
    return str(found[0])
