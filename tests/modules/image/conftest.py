"""A Stable Diffusion of the real classes, with tiny random weights, saved to a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

diffusers = pytest.importorskip("diffusers", reason="the image extra is not installed")
torch = pytest.importorskip("torch", reason="the image extra is not installed")
transformers = pytest.importorskip("transformers", reason="the image extra is not installed")
safety = pytest.importorskip("diffusers.pipelines.stable_diffusion.safety_checker")

torch.set_num_threads(1)  # tests run side by side

SIDE = 64
MODEL = "tiny-sd"


def _tokenizer(folder: Path):
    """A CLIP tokenizer that knows single letters."""
    letters = [chr(code) for code in range(33, 127)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{one}</w>" for one in letters)]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77
    ), len(words)


def save_tiny_sd(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer, size = _tokenizer(folder / "raw")
    text = {
        "vocab_size": size,
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 77,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "image_size": 30,
        "patch_size": 15,
    }
    pipe = diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL(
            block_out_channels=(32, 64, 64, 64),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
        ),
        text_encoder=transformers.CLIPTextModel(transformers.CLIPTextConfig(**text)).eval(),
        tokenizer=tokenizer,
        unet=diffusers.UNet2DConditionModel(
            block_out_channels=(32, 64),
            layers_per_block=1,
            sample_size=8,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32,
        ),
        scheduler=diffusers.PNDMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            skip_prk_steps=True,
            steps_offset=1,
        ),
        safety_checker=safety.StableDiffusionSafetyChecker(
            transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=16)
        ).eval(),
        feature_extractor=transformers.CLIPImageProcessor(
            size={"shortest_edge": 30}, crop_size={"height": 30, "width": 30}
        ),
    )
    pipe.save_pretrained(folder / "model")
    return folder / "model"


@pytest.fixture(scope="session")
def tiny_sd(tmp_path_factory) -> Path:
    """The folder of the pipeline."""
    return save_tiny_sd(tmp_path_factory.mktemp("tiny-sd"))
