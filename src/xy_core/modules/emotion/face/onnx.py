"""Reads faces in pictures: YuNet finds them, any ONNX classifier of expressions reads them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.emotion.face.scores import LABELS
from xy_core.modules.emotion.types import Emotion

Pixels = npt.NDArray[np.uint8]

CLASSIFIER, DETECTOR, LABEL_FILE = "emotion.onnx", "detector.onnx", "labels.txt"
"""The files of such a model; the last may be missing."""
_FER_PLUS = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt",
)  # fmt: skip
"""The order of classes in FER+ (Barsoum et al. 2016), taken where there is no `LABEL_FILE`."""
_FRAME = 320
"""Side in pixels of what the detector is shown; YuNet was trained at that size."""
_SURE_OF_FACE = 0.8
_MARGIN = 0.1
"""Share of a face's box that is added on each side: detectors cut at the brow, FER+ was not."""
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
"""ImageNet's, by which colour classifiers are trained."""


class OnnxFaceReader:
    """A `FaceReader` of the largest face in a picture; one thread at a time may use it.

    The classifier takes one face, shape (1, channels, side, side). With one channel it gets grey
    levels 0..255, as FER+ does; with three RGB scaled by ImageNet's mean and deviation.

    Args:
        folder: holds `CLASSIFIER`, `DETECTOR` and perhaps `LABEL_FILE`, one label a line.
        threads: of the classifier.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self._folder = folder
        self._threads = threads
        self._detector: Any = None
        self._session: Any = None
        self._labels: Sequence[Emotion] = ()

    def load(self) -> None:
        """See `Reader`."""
        if self._session is not None:
            return
        runtime, cv2 = _library("onnxruntime"), _library("cv2")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        try:
            session = runtime.InferenceSession(
                str(self._folder / CLASSIFIER), options, providers=["CPUExecutionProvider"]
            )
            detector = cv2.FaceDetectorYN.create(
                str(self._folder / DETECTOR), "", (_FRAME, _FRAME), _SURE_OF_FACE
            )
            labels = self._read_labels()
        except Exception as error:  # neither library's errors share a base but this
            raise BackendError(
                f"the face model in {self._folder} cannot be used: {error}"
            ) from error
        given, classes = session.get_inputs()[0].shape, session.get_outputs()[0].shape[-1]
        if len(given) != 4 or given[1] not in {1, 3} or not isinstance(given[2], int):  # noqa: PLR2004
            raise BackendError(f"{CLASSIFIER} takes {given}, not one grey or colour picture")
        if classes != len(labels):
            raise BackendError(
                f"{CLASSIFIER} has {classes} classes and {len(labels)} labels: mend {LABEL_FILE}"
            )
        self._session, self._detector, self._labels = session, detector, labels

    def close(self) -> None:
        """See `Reader`."""
        self._session = self._detector = None

    def read(self, pixels: Pixels) -> Mapping[Emotion, float] | None:
        """See `FaceReader`."""
        if self._session is None:
            raise BackendError("the face model is not loaded")
        try:
            face = self._largest_face(pixels)
            if face is None:
                return None
            taken = self._session.get_inputs()[0]
            scores = self._session.run(None, {taken.name: self._prepare(face, taken.shape)})[0]
        except Exception as error:  # as above
            raise BackendError(f"the face model failed: {error}") from error
        likely = _softmax(np.asarray(scores, np.float64).ravel())
        shares = dict.fromkeys(Emotion, 0.0)
        for label, share in zip(self._labels, likely.tolist(), strict=True):
            shares[label] += share
        return shares

    def _largest_face(self, pixels: Pixels) -> Pixels | None:
        cv2 = _library("cv2")
        height, width = pixels.shape[:2]
        scale = _FRAME / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        frame = np.zeros((_FRAME, _FRAME, 3), np.uint8)
        frame[: size[1], : size[0]] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        _, faces = self._detector.detect(np.ascontiguousarray(frame[:, :, ::-1]))
        if faces is None:
            return None
        x, y, w, h = (max(faces, key=lambda box: box[2] * box[3])[:4] / scale).tolist()
        side = max(w, h) * (1 + 2 * _MARGIN)
        left, top = max(0, round(x + (w - side) / 2)), max(0, round(y + (h - side) / 2))
        face = pixels[top : top + round(side), left : left + round(side)]
        return face if face.size else None

    def _prepare(self, face: Pixels, shape: Sequence[int]) -> npt.NDArray[np.float32]:
        cv2 = _library("cv2")
        sized = cv2.resize(face, (shape[3], shape[2]), interpolation=cv2.INTER_AREA)
        if shape[1] == 1:
            grey: npt.NDArray[np.float32] = cv2.cvtColor(sized, cv2.COLOR_RGB2GRAY)
            return grey.astype(np.float32)[None, None]
        scaled = (sized.astype(np.float32) / 255 - _MEAN) / _DEVIATION
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])

    def _read_labels(self) -> Sequence[Emotion]:
        file = self._folder / LABEL_FILE
        words = file.read_text("utf-8").split() if file.is_file() else _FER_PLUS
        return [LABELS[word.lower()] for word in words]


def _softmax(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    raised = np.exp(scores - scores.max())
    shares: npt.NDArray[np.float64] = raised / raised.sum()
    return shares


def _library(name: str) -> Any:  # noqa: ANN401 - any module
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(name, "vision") from error
