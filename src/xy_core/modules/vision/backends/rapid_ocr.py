"""Text in pictures, Chinese and English, by RapidOCR (PP-OCR models on onnxruntime)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.vision.config import VisionConfig
from xy_core.modules.vision.picture import Picture
from xy_core.modules.vision.types import TextLine

_PARTS = ("Det", "Cls", "Rec")
_LEGIBLE = 8  # pixels: below this height no character has a shape


class RapidOcrReader:
    """Finds lines of text and reads them; one picture at a time."""

    def __init__(self, config: VisionConfig) -> None:
        self._config = config
        self._engine: Any = None

    def load(self) -> None:
        """Load the models that the library's package carries; nothing is downloaded.

        Raises:
            BackendError: the package has no models, or they cannot be loaded.
            MissingExtraError: rapidocr, or something that it needs, is not installed.
        """
        try:
            import cv2  # noqa: PLC0415
            import rapidocr  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtraError("rapidocr", "vision") from error
        folder = Path(rapidocr.__file__).parent / "models"
        cv2.setNumThreads(self._config.threads)  # else it would use every core, whatever was said
        try:
            engine = rapidocr.RapidOCR(params=self._parameters(folder))
            # The library loads each model when it first needs it; a blank line needs them all.
            engine(np.full((48, 96, 3), 255, np.uint8), use_det=False, use_cls=True, use_rec=True)
            engine(np.full((64, 64, 3), 255, np.uint8), use_det=True)
        except Exception as error:  # the library's errors have no common base
            raise BackendError(f"the text reader cannot be loaded: {error}") from error
        self._engine = engine

    def close(self) -> None:
        """Give the models back; harmless when there are none."""
        self._engine = None

    def read(self, picture: Picture) -> tuple[TextLine, ...]:
        """Return the lines of text, from top to bottom.

        Raises:
            BackendError: the library failed.
        """
        sides = sorted((picture.width, picture.height))
        if sides[0] * min(1.0, self._config.max_side / sides[1]) < _LEGIBLE:
            return ()
        try:
            found = self._engine(np.ascontiguousarray(picture.pixels[:, :, ::-1]))
        except Exception as error:  # as above
            raise BackendError(f"the text reader failed: {error}") from error
        if found.txts is None:
            return ()
        lines = zip(found.txts, found.scores, found.boxes, strict=True)
        return tuple(
            TextLine(text.strip(), float(score), tuple((float(x), float(y)) for x, y in box))
            for text, score, box in lines
            if text.strip()
        )

    def _parameters(self, folder: Path) -> dict[str, Any]:
        # With a path the library uses that file; without one it may fetch another.
        files = {f"{part}.model_path": _model(folder, part) for part in _PARTS}
        return files | {
            "Global.log_level": "critical",
            "Global.max_side_len": self._config.max_side,
            "Global.text_score": self._config.min_confidence,
            "Det.limit_type": "max",
            "Det.limit_side_len": self._config.max_side,
            "EngineConfig.onnxruntime.intra_op_num_threads": self._config.threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }


def _model(folder: Path, part: str) -> str:
    found = sorted(folder.glob(f"*_{part.lower()}_*.onnx"))
    if not found:
        raise BackendError(f"no *_{part.lower()}_*.onnx in {folder}: install rapidocr again")
    return str(found[0])
