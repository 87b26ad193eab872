"""The picture towers of CLIP, SigLIP, SigLIP 2 and DINOv2 as visitor encoders, and the text towers for a cold start."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors
import torch
from torch import Tensor, nn

from domain.errors import NetworksError
from domain.records import Embedding, Image, TextEmbeddings
from domain.settings import Network
from networks import hub
from networks.hub import Checkpoint
from networks.runtime import Floats, Run, runner, torch_runner

#: How sharply CLIP tells texts apart where the checkpoint does not say: what it is trained to.
SHARPNESS = 100.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """How an encoder is made of a checkpoint's `model_type`."""

    #: The class of transformers that holds all of the checkpoint's weights.
    model: str
    #: The text tower's part of it; None where there is none.
    text: str | None = None
    #: Whether the text tower is told what is padding: SigLIP's was trained to read it, too.
    masked: bool = False
    #: Takes as many patches as a picture's proportions ask for, instead of a square.
    patches: bool = False


FAMILIES = {
    "clip": Family(model="CLIPModel", text="text_model", masked=True),
    "clip_vision_model": Family(model="CLIPVisionModelWithProjection"),
    "siglip": Family(model="SiglipModel", text="text_model"),
    "siglip_vision_model": Family(model="SiglipVisionModel"),
    "siglip2": Family(model="Siglip2Model", text="text_model", patches=True),
    "siglip2_vision_model": Family(model="Siglip2VisionModel", patches=True),
    "dinov2": Family(model="Dinov2Model"),
    "dinov2_with_registers": Family(model="Dinov2WithRegistersModel"),
}
#: In the order in which a network takes them.
INPUTS = ("pixel_values", "pixel_attention_mask", "spatial_shapes")


def family_of(checkpoint: Checkpoint) -> Family:
    """Raises NetworksError for what is no encoder of pictures."""
    family = FAMILIES.get(checkpoint.family)
    if family is None:
        raise NetworksError(
            f"{checkpoint.name}: a network of the kind {checkpoint.family} can't be the encoder; these can:"
            f" {', '.join(name for name in FAMILIES if not name.endswith('_vision_model'))}"
        )
    return family


class _Directions(nn.Module):
    """A picture tower's inputs to unit vectors `(B, dimensions)`."""

    def __init__(self, model: Any, family: Family) -> None:
        super().__init__()
        if family.text is not None:
            # half of the weights, and nothing that a picture needs
            delattr(model, family.text)
        self.model = model
        self.look = model.forward if family.text is None else model.get_image_features

    def forward(self, *inputs: Tensor) -> Tensor:
        return _unit(self.look(**dict(zip(INPUTS, inputs, strict=False))))


def _unit(found: Any) -> Tensor:
    """The pooled output, which CLIP and its like have projected into the space of texts, to length 1."""
    vectors = getattr(found, "image_embeds", None)
    vectors = (found.pooler_output if vectors is None else vectors).float()
    directions: Tensor = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True).clamp(min=1e-12)
    return directions


class HubEncoder:
    """A checkpoint as a `networks.encoder.Encoder`."""

    def __init__(
        self, run: Run, processor: Any, checkpoint: Checkpoint, family: Family, identity: str, dimensions: int
    ) -> None:
        self._run = run
        self._processor = processor
        self._checkpoint = checkpoint
        self._family = family
        self.identity = identity
        self.dimensions = dimensions

    def embed(self, crops: Sequence[Image]) -> list[Embedding]:
        """See `networks.encoder.Encoder`."""
        if not crops:
            return []
        vectors = self._run(*inputs(self._processor, crops, self._family))
        return [Embedding(vector=vector.copy(), encoder=self.identity) for vector in vectors]

    def embed_texts(self, texts: Sequence[str]) -> TextEmbeddings | None:
        """See `networks.encoder.Encoder`; loads the text tower for it. Raises NetworksError where that is broken."""
        # loaded for this and let go again: it is asked once a start, and the text tower is half of the network
        if self._family.text is None:
            return None
        model: Any = self._checkpoint.load(self._family.model)
        tokenizer = self._checkpoint.tool("AutoTokenizer")
        with hub.explained(self._checkpoint.name):
            tokens = tokenizer(
                list(texts),
                padding="max_length",
                truncation=True,
                max_length=model.config.text_config.max_position_embeddings,
                return_tensors="pt",
            )
            names = ("input_ids", "attention_mask") if self._family.masked else ("input_ids",)
            with torch.inference_mode():
                vectors: Floats = _unit(model.get_text_features(**{name: tokens[name] for name in names})).numpy()
        return TextEmbeddings(vectors=vectors, encoder=self.identity, sharpness=_sharpness(self._checkpoint))


def _sharpness(checkpoint: Checkpoint) -> float:
    for path in checkpoint.weights:
        if path.suffix == ".safetensors":
            with safetensors.safe_open(path, "np") as file:
                if "logit_scale" in file.keys():  # noqa: SIM118 - not a dict
                    return float(np.exp(file.get_tensor("logit_scale").astype(np.float32).reshape(-1)[0]))
    return SHARPNESS


def inputs(processor: Any, crops: Sequence[Image], family: Family) -> tuple[Any, ...]:
    """BGR crops of any size as the picture tower takes them."""
    pictures = [np.ascontiguousarray(crop[..., ::-1]) if family.patches else _padded(crop, processor) for crop in crops]
    made = processor(images=pictures, return_tensors="np", input_data_format="channels_last")
    return tuple(made[name] for name in INPUTS if name in made)


def _padded(crop: Image, processor: Any) -> Image:
    """RGB, square, the crop in the middle with grey around it.

    People are tall, and processors cut off the ends of what is no square. Where the middle of the square alone would
    be taken, the crop fits into that.
    """
    height, width = crop.shape[:2]
    side = max(height, width)
    shortest = (getattr(processor, "size", None) or {}).get("shortest_edge")
    cut = getattr(processor, "crop_size", None) if getattr(processor, "do_center_crop", False) else None
    if shortest and cut:
        side = max(side, round(side * shortest / min(cut["height"], cut["width"])))
    square = np.full((side, side, 3), 127, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = crop[..., ::-1]
    return square


def load_hub_encoder(network: Network) -> HubEncoder:
    """Raises NetworksError for whatever is wrong with the checkpoint or the device."""
    checkpoint = hub.find(network)
    family = family_of(checkpoint)
    processor = checkpoint.tool("AutoImageProcessor")
    model = checkpoint.load(family.model)
    identity = checkpoint.identity()
    with hub.explained(network.checkpoint):
        noise = np.random.default_rng(0).integers(0, 256, (2, 90, 60, 3), dtype=np.uint8)
        probe = inputs(processor, list(noise), family)
        model = _Directions(model, family)
        if family.patches:
            run = torch_runner(model, network)
        else:
            run = runner(model, network, identity, probe=probe, dynamic=(0,), tolerance=np.array([1e-4], np.float32))
        dimensions = int(run(*probe).shape[1])
    return HubEncoder(run, processor, checkpoint, family, identity, dimensions)
