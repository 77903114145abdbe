"""Faces in pictures, with tiny models that are made here: real ONNX files, known answers.

The detector has YuNet's inputs and outputs and finds one face in the upper left of any picture that
is bright there; the classifier takes a face for happy as far as it is bright.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.core.events import EventBus
from xy_core.core.module import HealthStatus, ModuleContext
from xy_core.models import ModelStore
from xy_core.modules.emotion import Emotion, EmotionService, Modality
from xy_core.modules.emotion.config import EmotionConfig
from xy_core.modules.emotion.face.onnx import OnnxFaceReader

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

OPSET = [helper.make_opsetid("", 11)]


def save(path: Path, nodes, given, found, constants) -> None:
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in found],
        tensors,
    )
    onnx.save(helper.make_model(graph, opset_imports=OPSET, ir_version=7), path)


def classifier(path: Path, channels: int = 1, classes: int = 8) -> None:
    """Scores: the face's mean times a weight; only the second class (happiness) has one."""
    weights = np.zeros((1, classes), np.float32)
    weights[0, 1] = 0.05 if channels == 1 else 5.0
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean"], ["column"], axes=[1]),
        helper.make_node("MatMul", ["column", "weights"], ["scores"]),
    ]
    save(path, nodes, [1, channels, 64, 64], [("scores", [1, classes])], {"weights": weights})


def detector(path: Path) -> None:
    """One face of 80 pixels round (80, 80), as sure as the picture's mean is high."""
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "scale"], ["sure"]),
        helper.make_node("Clip", ["sure", "zero", "one"], ["score"]),
        # OpenCV 5 stumbles over outputs that do not depend on the input.
        helper.make_node("Mul", ["mean", "none"], ["nothing"]),
    ]
    constants = {
        "scale": np.array([0.1], np.float32),
        "zero": np.float32(0),
        "one": np.float32(1),
        "none": np.zeros(1, np.float32),
    }
    found = []
    for stride in (8, 16, 32):
        cells = (320 // stride) ** 2
        place = np.zeros((1, cells, 1), np.float32)
        if stride == 32:
            place[0, 2 * 10 + 2] = 1.0
        box = np.zeros((1, cells, 4), np.float32)
        box[..., :2] = 0.5
        box[..., 2:] = np.log(80 / stride)
        constants |= {f"at_{stride}": place, f"box_{stride}": box}
        constants |= {f"points_{stride}": np.zeros((1, cells, 10), np.float32)}
        for kind in ("cls", "obj"):
            nodes.append(helper.make_node("Mul", ["score", f"at_{stride}"], [f"{kind}_{stride}"]))
            found.append((f"{kind}_{stride}", [1, cells, 1]))
        for kind, source in (("bbox", "box"), ("kps", "points")):
            nodes.append(
                helper.make_node("Add", [f"{source}_{stride}", "nothing"], [f"{kind}_{stride}"])
            )
            found.append((f"{kind}_{stride}", [1, cells, constants[f"{source}_{stride}"].shape[2]]))
    save(path, nodes, [1, 3, 320, 320], found, constants)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    classifier(tmp_path / "emotion.onnx")
    detector(tmp_path / "detector.onnx")
    return tmp_path


BRIGHT = np.full((240, 320, 3), 200, np.uint8)
DARK = np.zeros((240, 320, 3), np.uint8)


@pytest.mark.parametrize("shape", [(240, 320), (1_000, 500), (32, 32), (1, 1), (5, 900)])
def test_a_face_is_read_in_pictures_of_any_shape(folder, shape):
    reader = OnnxFaceReader(folder, 1)
    reader.load()
    reader.load()  # harmless
    shares = reader.read(np.full((*shape, 3), 255, np.uint8))
    if shares is not None:  # a sliver of a picture may hold no box
        assert sum(shares.values()) == pytest.approx(1)
        assert max(shares, key=lambda one: shares[one]) is Emotion.JOY
    reader.close()


def test_without_a_face_there_is_nothing_to_read(folder):
    reader = OnnxFaceReader(folder, 1)
    reader.load()
    assert reader.read(DARK) is None
    assert reader.read(BRIGHT) is not None


def test_colour_classifiers_and_labels_of_their_own_are_taken(folder):
    classifier(folder / "emotion.onnx", channels=3, classes=2)
    (folder / "labels.txt").write_text("neutral\nsad\n")
    reader = OnnxFaceReader(folder, 1)
    reader.load()
    shares = reader.read(BRIGHT)
    assert shares is not None
    assert max(shares, key=lambda one: shares[one]) is Emotion.SADNESS


def test_damaged_and_unfitting_files_are_named(folder):
    (folder / "labels.txt").write_text("neutral\nsad\n")
    with pytest.raises(BackendError, match=r"8 classes and 2 labels: mend labels\.txt"):
        OnnxFaceReader(folder, 1).load()
    (folder / "labels.txt").write_text("bored\n")
    with pytest.raises(BackendError, match="cannot be used"):
        OnnxFaceReader(folder, 1).load()
    (folder / "labels.txt").unlink()
    classifier(folder / "emotion.onnx", channels=2)
    with pytest.raises(BackendError, match="not one grey or colour picture"):
        OnnxFaceReader(folder, 1).load()
    (folder / "emotion.onnx").write_bytes(b"not a model")
    with pytest.raises(BackendError, match="cannot be used"):
        OnnxFaceReader(folder, 1).load()


def test_a_reader_that_is_not_loaded_refuses(folder):
    with pytest.raises(BackendError, match="not loaded"):
        OnnxFaceReader(folder, 1).read(BRIGHT)


def test_a_missing_library_names_the_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"xy-core\[vision\]"):
        OnnxFaceReader(folder, 1).load()


async def test_the_configuration_names_the_model_by_its_catalogue_id(folder, tmp_path, scheduler):
    files = "".join(
        f'[[models.files]]\nname = "{name}"\nsize = {(folder / name).stat().st_size}\n'
        f'[[models.files.sources]]\ntype = "path"\npath = "{folder}"\n'
        for name in ("emotion.onnx", "detector.onnx")
    )
    catalogue = tmp_path / "own.toml"
    catalogue.write_text(
        '[[models]]\nid = "my-face"\nkind = "emotion"\ntitle = "Mine"\nlicence = "MIT"\n' + files
    )
    store = ModelStore(tmp_path / "store", catalogue)
    context = ModuleContext(scheduler, EventBus(), {ModelStore: store})
    missing = EmotionService(context, EmotionConfig(face_model="my-face"))
    await missing.initialize()
    health = await missing.health()
    assert health.status is HealthStatus.DEGRADED
    assert "xy-core models pull my-face" in health.detail
    assert await missing.read_face(BRIGHT) == []
    await missing.stop()

    await store.pull("my-face")
    service = EmotionService(context, EmotionConfig(face_model="my-face"))
    await service.initialize()
    assert (await service.health()).status is HealthStatus.READY
    (evidence,) = await service.read_face(BRIGHT)
    assert evidence.modality is Modality.FACE
    assert await service.read_face(DARK) == []
    await service.stop()
