"""Real architectures with small random weights, made on the spot: load without any download.

They compute what the large ones compute, on less; what they say means nothing.
"""

from __future__ import annotations

from typing import Any

from xy_core.bench.experiments.chain import Chain, Part, Turn
from xy_core.core.errors import MissingExtraError

_SEED = 1
_TOKENS = 24
_STEPS = 4
_VOCABULARY = 512
_MELS, _FRAMES = 80, 3_000
_SIDE = 64


class RandomModels:
    """Whisper, CLIP's eye, Qwen2, VITS, Stable Diffusion's denoiser; called by whoever wants."""

    def __init__(self, threads: int) -> None:
        """Prepare; `threads` is how many each call computes on."""
        self._threads = threads
        self._models: dict[str, Any] = {}
        self._torch: Any = None

    def load(self) -> None:
        """Make all models, the same each time; blocks for some seconds.

        Raises:
            MissingExtraError: torch, transformers or diffusers is not installed.
        """
        try:
            import diffusers  # noqa: PLC0415 - an extra
            import torch  # noqa: PLC0415
            import transformers  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtraError(error.name or "diffusers", "image") from error
        transformers.logging.set_verbosity_error()  # of its defaults for real checkpoints
        self._torch = torch
        torch.set_num_threads(self._threads)
        torch.manual_seed(_SEED)
        made = {
            "hear": _hearing(transformers),
            "see": _seeing(transformers),
            "think": _thinking(transformers),
            "speak": _speaking(transformers),
            "draw": _drawing(diffusers),
        }
        self._models = {name: model.eval() for name, model in made.items()}

    def close(self) -> None:
        """Give everything back."""
        self._models.clear()

    def chain(self) -> Chain:
        """Return a request's parts: hear, see, think, speak, draw."""
        parts = (self._hear, self._see, self._think, self._speak, self._draw)
        return tuple((Part(work.__name__[1:], "device", work),) for work in parts)

    def _hear(self, _turn: Turn) -> object:
        with self._torch.inference_mode():
            sound = self._torch.zeros(1, _MELS, _FRAMES)
            return self._models["hear"].generate(sound, max_new_tokens=_TOKENS, do_sample=False)

    def _see(self, _turn: Turn) -> object:
        with self._torch.inference_mode():
            return self._models["see"](self._torch.zeros(1, 3, _SIDE, _SIDE)).pooler_output

    def _think(self, _turn: Turn) -> object:
        with self._torch.inference_mode():
            prompt = self._torch.arange(3, 67)[None]
            options = {"max_new_tokens": _TOKENS, "min_new_tokens": _TOKENS, "do_sample": False}
            return self._models["think"].generate(
                prompt, attention_mask=self._torch.ones_like(prompt), **options
            )

    def _speak(self, _turn: Turn) -> object:
        with self._torch.inference_mode():
            return self._models["speak"](self._torch.arange(1, 33)[None]).waveform

    def _draw(self, _turn: Turn) -> object:
        with self._torch.inference_mode():
            picture = self._torch.zeros(1, 4, _SIDE // 2, _SIDE // 2)
            words = self._torch.zeros(1, 8, 32)
            for step in range(_STEPS, 0, -1):
                picture = picture - self._models["draw"](picture, step, words).sample / _STEPS
            return picture


def _hearing(transformers: Any) -> Any:  # noqa: ANN401 - optional libraries, as below
    config = transformers.WhisperConfig(
        vocab_size=_VOCABULARY, d_model=64, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=128,
        decoder_ffn_dim=128, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1,
    )  # fmt: skip
    return transformers.WhisperForConditionalGeneration(config)


def _seeing(transformers: Any) -> Any:  # noqa: ANN401
    config = transformers.CLIPVisionConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4,
        image_size=_SIDE, patch_size=8,
    )  # fmt: skip
    return transformers.CLIPVisionModel(config)


def _thinking(transformers: Any) -> Any:  # noqa: ANN401
    config = transformers.Qwen2Config(
        vocab_size=_VOCABULARY, hidden_size=128, intermediate_size=256, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip
    return transformers.Qwen2ForCausalLM(config)


def _speaking(transformers: Any) -> Any:  # noqa: ANN401
    config = transformers.VitsConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=64,
        flow_size=32, spectrogram_bins=65, upsample_initial_channel=32,
        use_stochastic_duration_prediction=False,
    )  # fmt: skip
    return transformers.VitsModel(config)


def _drawing(diffusers: Any) -> Any:  # noqa: ANN401
    return diffusers.UNet2DConditionModel(
        sample_size=_SIDE // 2, in_channels=4, out_channels=4, layers_per_block=1,
        block_out_channels=(32, 64), norm_num_groups=8, cross_attention_dim=32,
        attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
