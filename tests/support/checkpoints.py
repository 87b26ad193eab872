"""Tiny checkpoints with random weights, written by `save_pretrained`: like large ones to whoever loads them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

LABELS = {0: "Cat", 1: "Person", 2: "Teapot"}
SIZE = 32
#: What goes into each tiny text tower.
TOKENS = 16


def _backbone() -> dict[str, Any]:
    return {
        "model_type": "rt_detr_resnet",
        "embedding_size": 8,
        "hidden_sizes": [8, 8, 8, 8],
        "depths": [1, 1, 1, 1],
        "layer_type": "basic",
        "out_features": ["stage2", "stage3", "stage4"],
    }


def _labels() -> dict[str, Any]:
    return {"id2label": LABELS, "label2id": {name: number for number, name in LABELS.items()}}


def _tower(**more: int) -> dict[str, int]:
    return {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        **more,
    }


def rt_detr_v2(folder: Path) -> Path:
    from transformers import RTDetrImageProcessorPil, RTDetrV2Config, RTDetrV2ForObjectDetection

    config = RTDetrV2Config(
        backbone_config=_backbone(),
        encoder_in_channels=[8, 8, 8],
        encoder_hidden_dim=16,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        num_queries=4,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_layers=2,
        decoder_attention_heads=2,
        num_denoising=0,
        **_labels(),
    )
    return _save(folder, RTDetrV2ForObjectDetection, config, RTDetrImageProcessorPil(size={"height": 64, "width": 64}))


def d_fine(folder: Path) -> Path:
    from transformers import DFineConfig, DFineForObjectDetection, RTDetrImageProcessorPil

    config = DFineConfig(
        backbone_config={
            "model_type": "hgnet_v2",
            "embedding_size": 8,
            "hidden_sizes": [8, 8, 8, 8],
            "stem_channels": [3, 8, 8],
            "stage_in_channels": [8, 8, 8, 8],
            "stage_mid_channels": [8, 8, 8, 8],
            "stage_out_channels": [8, 8, 8, 8],
            "stage_num_blocks": [1, 1, 1, 1],
            "stage_numb_of_layers": [1, 1, 1, 1],
            "out_features": ["stage2", "stage3", "stage4"],
        },
        encoder_in_channels=[8, 8, 8],
        encoder_hidden_dim=16,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        num_queries=4,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_layers=2,
        decoder_attention_heads=2,
        num_denoising=0,
        **_labels(),
    )
    return _save(folder, DFineForObjectDetection, config, RTDetrImageProcessorPil(size={"height": 64, "width": 64}))


def yolos(folder: Path) -> Path:
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessorPil

    config = YolosConfig(**_tower(), image_size=[64, 64], patch_size=16, num_detection_tokens=10, **_labels())
    processor = YolosImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    return _save(folder, YolosForObjectDetection, config, processor)


def detr(folder: Path) -> Path:
    from transformers import DetrConfig, DetrForObjectDetection, DetrImageProcessorPil

    config = DetrConfig(
        use_timm_backbone=False,
        backbone=None,
        use_pretrained_backbone=False,
        backbone_config={
            "model_type": "resnet",
            "embedding_size": 8,
            "hidden_sizes": [8, 8],
            "depths": [1, 1],
            "layer_type": "basic",
            "out_features": ["stage2"],
        },
        d_model=16,
        num_queries=10,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        **_labels(),
    )
    processor = DetrImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    return _save(folder, DetrForObjectDetection, config, processor)


def clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    config = CLIPConfig(
        text_config=_tower(vocab_size=300, max_position_embeddings=TOKENS, bos_token_id=0, eos_token_id=1),
        vision_config=_tower(image_size=SIZE, patch_size=8),
        projection_dim=24,
    )
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE})
    return _tokenizer(_save(folder, CLIPModel, config, processor))


def siglip(folder: Path) -> Path:
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    config = SiglipConfig(
        text_config=_tower(vocab_size=300, max_position_embeddings=TOKENS, bos_token_id=0, eos_token_id=1),
        vision_config=_tower(image_size=SIZE, patch_size=8),
    )
    processor = SiglipImageProcessorPil(size={"height": SIZE, "width": SIZE})
    return _tokenizer(_save(folder, SiglipModel, config, processor))


def siglip2(folder: Path) -> Path:
    """With patches of any number, as its "naflex" checkpoints."""
    from transformers import Siglip2Config, Siglip2ImageProcessorPil, Siglip2Model

    config = Siglip2Config(
        text_config=_tower(vocab_size=300, max_position_embeddings=TOKENS, bos_token_id=0, eos_token_id=1),
        vision_config=_tower(num_patches=16, patch_size=8),
    )
    return _tokenizer(_save(folder, Siglip2Model, config, Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16)))


def dinov2(folder: Path) -> Path:
    from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model

    config = Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=SIZE, patch_size=8)
    processor = BitImageProcessorPil(size={"shortest_edge": 40}, crop_size={"height": SIZE, "width": SIZE})
    return _save(folder, Dinov2Model, config, processor)


DETECTORS: dict[str, Callable[[Path], Path]] = {
    "rt_detr_v2": rt_detr_v2,
    "d_fine": d_fine,
    "yolos": yolos,
    "detr": detr,
}
ENCODERS: dict[str, Callable[[Path], Path]] = {"clip": clip, "siglip": siglip, "siglip2": siglip2, "dinov2": dinov2}


def _save(folder: Path, model: Any, config: Any, processor: Any) -> Path:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = model(config)
        for name, values in made.named_parameters():
            # random detectors are sure of nothing: this one sees people everywhere
            if "class" in name and name.endswith("bias") and len(values) in {len(LABELS), len(LABELS) + 1}:
                values.data[1] = 3
        made.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _tokenizer(folder: Path) -> Path:
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    alphabet = {"<s>": 0, "</s>": 1, "<pad>": 2, "<unk>": 3}
    for letter in sorted(ByteLevel.alphabet()):
        alphabet[letter] = len(alphabet)
    tokenizer = Tokenizer(BPE(alphabet, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=TOKENS,
    ).save_pretrained(folder)
    return folder
