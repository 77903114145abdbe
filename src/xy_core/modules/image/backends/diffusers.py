"""Stable Diffusion 1.x through diffusers: from words, from a picture, within a mask."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xy_core.core.compute import give_way
from xy_core.core.errors import (
    BackendError,
    ConfigError,
    MissingExtraError,
    OutOfDeviceMemory,
    XyCoreError,
)
from xy_core.models.torch_names import ran_out_of_memory, torch_device
from xy_core.modules.image.backends.device_peak import reported_peak
from xy_core.modules.image.backends.latents import preview
from xy_core.modules.image.backends.noise import noise_scheduler
from xy_core.modules.image.config import ImageConfig
from xy_core.modules.image.pixels import fitted, fitted_mask
from xy_core.modules.image.types import Generated, ImageEvent, ImageJob, Offload, Pixels, Step

_PATIENCE = 0.05
"""Seconds between two looks at whether who waits for the pipeline is still wanted."""


class DiffusersPainter:
    """See `ImageEngine`; its methods may be called at once, and then wait for one another."""

    def __init__(self, folder: Path, config: ImageConfig) -> None:
        self._folder = folder
        self._config = config
        self._pipe: Any = None
        self._device = "cpu"
        self._offload: Offload = "none"
        self._at_work = threading.Lock()

    def load(self, device: str, offload: Offload) -> None:
        """See `ImageEngine`."""
        if self._pipe is not None:
            return
        self._offload = offload
        self._device = "cpu" if offload == "host" else torch_device(device)
        with _translated(f"diffusers cannot load {self._folder}"):
            pipe = self._read()
            if offload == "group":
                import torch  # noqa: PLC0415 - heavy

                pipe.enable_group_offload(
                    torch.device(self._device), offload_type="block_level", num_blocks_per_group=1
                )
            elif offload != "model":  # whose components move while they work
                pipe.to(self._device)
        self._pipe = pipe

    def generate(self, emit: Callable[[ImageEvent], None], job: ImageJob) -> None:
        """See `ImageEngine`."""
        every = self._config.preview_every

        def stepped(done: int, total: int, latents: Any) -> None:  # noqa: ANN401 - the library has no types
            emit(Step(done, total, preview(latents) if every and done % every == 0 else ()))

        for picture in self._run([job], stepped):
            emit(picture)

    def paint(self, jobs: Sequence[ImageJob]) -> list[tuple[Generated, ...]]:
        """See `ImageEngine`."""
        made = iter(self._run(jobs, lambda *_: None))
        return [tuple(next(made) for _ in job.seeds) for job in jobs]

    def close(self) -> None:
        """See `ImageEngine`."""
        pipe, self._pipe = self._pipe, None
        if pipe is None:
            return
        import torch  # noqa: PLC0415 - heavy

        pipe.remove_all_hooks()
        del pipe
        gc.collect()  # modules and their hooks refer to each other
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _read(self) -> Any:  # noqa: ANN401 - the library has no types
        diffusers = _library()
        import torch  # noqa: PLC0415 - heavy

        checked = self._config.safety_check
        if checked and not (self._folder / "safety_checker" / "config.json").is_file():
            raise ConfigError(
                f"image.safety_check is on, but {self._folder.name} has no safety checker: "
                "choose a model that has one, or set image.safety_check=false"
            )
        halves = any(self._folder.glob("unet/*.fp16.safetensors"))
        pipe = diffusers.StableDiffusionPipeline.from_pretrained(
            self._folder,
            torch_dtype=torch.float32 if self._device == "cpu" else torch.float16,
            variant="fp16" if halves else None,
            use_safetensors=True,
            local_files_only=True,
            **({} if checked else {"safety_checker": None, "requires_safety_checker": False}),
        )
        if checked and pipe.safety_checker is None:
            raise BackendError(f"{self._folder}: model_index.json names no safety checker")
        return pipe

    def _run(
        self, jobs: Sequence[ImageJob], stepped: Callable[[int, int, Any], None]
    ) -> list[Generated]:
        """Paint jobs of one kind together; returns their pictures, one job's after the other's."""
        if self._pipe is None:
            raise BackendError(f"{self._folder.name} is not loaded")
        while not self._at_work.acquire(timeout=_PATIENCE):
            give_way()  # so that who waits can be cancelled, and holds up nothing urgent
        try:
            with _translated("diffusers failed"), self._pipeline(jobs[0]) as pipe:
                give_way()
                with reported_peak(self._device):
                    output = pipe(**_arguments(jobs), callback_on_step_end=_callback(stepped))
        finally:
            self._at_work.release()
        flags = output.nsfw_content_detected or [False] * len(output.images)
        seeds = [(index, seed) for job in jobs for index, seed in enumerate(job.seeds)]
        return [
            Generated(index, _pixels(image), seed, bool(flag))
            for (index, seed), image, flag in zip(seeds, output.images, flags, strict=True)
        ]

    @contextmanager
    def _pipeline(self, job: ImageJob) -> Iterator[Any]:
        """Make a pipeline for this kind of job; all of them share the weights."""
        diffusers = _library()
        kinds = {
            "words": diffusers.StableDiffusionPipeline,
            "picture": diffusers.StableDiffusionImg2ImgPipeline,
            "mask": diffusers.StableDiffusionInpaintPipeline,
        }
        noise = noise_scheduler(job.scheduler, self._pipe.scheduler.config)
        pipe = kinds[str(job.kind[0])].from_pipe(
            self._pipe, scheduler=noise, torch_dtype=self._pipe.dtype
        )
        pipe.set_progress_bar_config(disable=True)
        if self._offload != "model":
            yield pipe
            return
        pipe.enable_model_cpu_offload(device=self._device)
        try:
            yield pipe
        finally:
            # A run that was stopped leaves its last component on the device.
            pipe.remove_all_hooks()
            pipe.to("cpu")


def _arguments(jobs: Sequence[ImageJob]) -> dict[str, Any]:
    import torch  # noqa: PLC0415 - heavy

    first = jobs[0]
    each = [(job, seed) for job in jobs for seed in job.seeds]
    arguments: dict[str, Any] = {
        "prompt": [job.prompt for job, _ in each],
        "negative_prompt": [job.negative for job, _ in each],
        "num_inference_steps": first.steps,
        "guidance_scale": first.guidance,
        # On the processor, so that a seed gives the same picture on every device.
        "generator": [torch.Generator("cpu").manual_seed(seed) for _, seed in each],
        "output_type": "np",
    }
    if first.init is None or first.mask is not None:
        arguments |= {"width": first.width, "height": first.height}
    if first.init is not None:
        pictures = [
            fitted(job.init, job.width, job.height) for job, _ in each if job.init is not None
        ]
        arguments |= {"image": pictures, "strength": first.strength}
    if first.mask is not None:
        arguments["mask_image"] = [
            fitted_mask(job.mask, job.width, job.height) for job, _ in each if job.mask is not None
        ]
    return arguments


def _callback(
    stepped: Callable[[int, int, Any], None],
) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
    def after(pipe: Any, index: int, _time: Any, state: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - the library has no types
        # Raising ends the run here; the library's own `_interrupt` would still decode a picture.
        try:
            stepped(index + 1, pipe.num_timesteps, state["latents"])
            give_way()
        except Exception as error:
            raise _Stopped(error) from error
        return state

    return after


class _Stopped(BaseException):
    """Carries an error of ours through the library, past those that it translates."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except _Stopped as stopped:
        raise stopped.error from None
    except XyCoreError:
        raise
    except Exception as error:
        if ran_out_of_memory(error):
            raise OutOfDeviceMemory(f"{what}: the device's memory ran out") from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BackendError(f"{what}: {reason}") from error


def _pixels(image: Any) -> Pixels:  # noqa: ANN401 - float, 0 to 1, (height, width, 3)
    pixels: Pixels = (image * 255).round().clip(0, 255).astype("uint8")
    return pixels


def _library() -> Any:  # noqa: ANN401 - a module without types
    try:
        import diffusers  # noqa: PLC0415 - heavy
        import transformers  # noqa: PLC0415 - the same
    except ImportError as error:
        raise MissingExtraError("diffusers", "image") from error
    for logging in (diffusers.utils.logging, transformers.utils.logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    return diffusers
