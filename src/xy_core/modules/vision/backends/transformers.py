"""Qwen2-VL through transformers: a folder of safetensors, on whatever device torch knows."""

from __future__ import annotations

import gc
import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from xy_core.core.compute import give_way
from xy_core.core.errors import (
    BackendError,
    MissingExtraError,
    OutOfDeviceMemory,
    UnsupportedError,
    XyCoreError,
)
from xy_core.core.model import Variant
from xy_core.models.torch_names import ran_out_of_memory, torch_device
from xy_core.modules.vision.config import VisionConfig
from xy_core.modules.vision.questions import VisionQuestion

_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
_PAD = "<|image_pad|>"
_PATIENCE = 0.05
"""Seconds between two looks at whether who waits for the model is still wanted."""


class TransformersVision:
    """See `VisionModel`; it can follow no schema.

    Its processor is put together from tokenizer and image processor: the library's own would
    bring one for videos too, which needs torchvision.
    """

    def __init__(self, folder: Path, config: VisionConfig) -> None:
        self._folder = folder
        self._config = config
        self._model: Any = None
        self._tokenizer: Any = None
        self._images: Any = None
        self._at_work = threading.Lock()

    def load(self, device: str, variant: Variant) -> None:
        """See `VisionModel`."""
        if self._model is not None:
            return
        library = _library()
        import torch  # noqa: PLC0415 - heavy

        place = torch_device(device) if variant.device_bytes and variant.name != "host" else "cpu"
        kind = getattr(library, "Qwen2VLImageProcessorPil", None) or library.Qwen2VLImageProcessor
        try:
            model = library.Qwen2VLForConditionalGeneration.from_pretrained(
                self._folder,
                dtype=torch.float32 if place == "cpu" else torch.float16,
                local_files_only=True,
                use_safetensors=True,
            )
            self._images = kind.from_pretrained(self._folder, local_files_only=True)
            self._tokenizer = library.AutoTokenizer.from_pretrained(
                self._folder, local_files_only=True
            )
            self._model = model.to(place).eval()
        except Exception as error:  # the library's errors have no common base
            raise _translated(error, f"transformers cannot load {self._folder}") from error

    def answer(self, emit: Callable[[str], None], question: VisionQuestion) -> None:
        """See `VisionModel`."""
        if question.schema:
            raise UnsupportedError(
                "the transformers engine cannot follow a schema: "
                "set vision.engine=llama_cpp, or ask in words"
            )
        if self._model is None:
            raise BackendError(f"{self._folder.name} is not loaded")
        while not self._at_work.acquire(timeout=_PATIENCE):
            give_way()  # so that who waits can be cancelled, and holds up nothing urgent
        try:
            self._generate(emit, question)
        except XyCoreError:
            raise
        except _Stopped as stopped:
            raise stopped.error from None
        except Exception as error:  # as above
            raise _translated(error, "transformers failed") from error
        finally:
            self._at_work.release()

    def close(self) -> None:
        """See `VisionModel`."""
        if self._model is None:
            return
        import torch  # noqa: PLC0415 - heavy

        self._model = self._tokenizer = self._images = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _generate(self, emit: Callable[[str], None], question: VisionQuestion) -> None:
        import torch  # noqa: PLC0415 - heavy

        inputs = self._inputs(question)
        length = inputs["input_ids"].shape[1]
        if length + self._config.max_tokens > self._config.context_tokens:
            raise BackendError(
                f"pictures and question take {length} tokens: lower vision.look_pixels, "
                "or raise vision.context_tokens"
            )
        sampling: dict[str, Any] = {"do_sample": False}
        if self._config.temperature > 0:
            torch.manual_seed(self._config.seed)
            sampling = {"do_sample": True, "temperature": self._config.temperature}
        with torch.inference_mode():
            self._model.generate(
                **inputs,
                **sampling,
                max_new_tokens=self._config.max_tokens,
                streamer=_streamer(self._tokenizer, emit),
            )

    def _inputs(self, question: VisionQuestion) -> dict[str, Any]:
        pictures = [Image.fromarray(picture.pixels) for picture in question.pictures]
        seen = self._images(images=pictures, return_tensors="pt")
        cells = seen["image_grid_thw"].prod(-1) // self._images.merge_size**2
        images = "".join(_IMAGE.replace(_PAD, _PAD * int(count)) for count in cells)
        prompt = f"<|im_start|>user\n{images}{question.text}<|im_end|>\n<|im_start|>assistant\n"
        inputs: dict[str, Any] = {**self._tokenizer(prompt, return_tensors="pt"), **seen}
        inputs.pop("token_type_ids", None)
        if "mm_token_type_ids" in inspect.signature(self._model.forward).parameters:
            pad = self._tokenizer.convert_tokens_to_ids(_PAD)
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == pad).int()
        return {name: value.to(self._model.device) for name, value in inputs.items()}


class _Stopped(BaseException):
    """Carries an error of ours through the library."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _streamer(tokenizer: Any, emit: Callable[[str], None]) -> Any:  # noqa: ANN401 - the library has no types
    """Return what hands over each piece of text as soon as its characters are whole."""

    class Pieces(_library().TextStreamer):  # type: ignore[misc]  # heavy, so made when needed
        def put(self, value: Any) -> None:  # noqa: ANN401 - as above
            try:
                give_way()
            except Exception as error:
                raise _Stopped(error) from error
            super().put(value)

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the library's signature
            try:
                if text:
                    emit(text)
            except Exception as error:
                raise _Stopped(error) from error

    return Pieces(tokenizer, skip_prompt=True, skip_special_tokens=True)


def _translated(error: Exception, what: str) -> XyCoreError:
    if ran_out_of_memory(error):
        return OutOfDeviceMemory(f"{what}: the device's memory ran out")
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return BackendError(f"{what}: {reason}")


def _library() -> Any:  # noqa: ANN401 - a module without types
    try:
        import torch  # noqa: F401, PLC0415 - heavy
        import transformers  # noqa: PLC0415 - heavy
    except ImportError as error:
        raise MissingExtraError("transformers", "image") from error
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers
