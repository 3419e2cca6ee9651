"""Table "torchvision ViT": torchvision.models.VisionTransformer (nn.MultiheadAttention inside)."""

import numpy as np

from ..errors import Refused
from ..mapping import Mapping
from .plan import Plan, activation_of, arrays_of, has, norms_of, packed_thirds

NAME = "torchvision VisionTransformer"
MARKS = ("conv_proj", "class_token", "encoder.pos_embedding", "encoder.layers", "encoder.ln", "heads")


def recognises(model):
    """By names of modules and parameters."""
    return all(has(model, mark) for mark in MARKS)


def plan(model):
    """Returns: Plan. Raises: Refused."""
    mapping, names = Mapping(arrays_of(model)), []
    for i, (name, block) in enumerate(model.encoder.layers.named_children()):
        names += _block(mapping, i, f"encoder.layers.{name}", block)
    mapping.norm("final_norm", "encoder.ln")
    head = [name for name, _ in model.heads.named_children()]
    if head != ["head"]:
        raise Refused("a head of more than one layer", "heads", head, "one Linear named head")
    mapping.linear("head_w", "head_b", "heads.head")
    conv = model.conv_proj
    if tuple(conv.stride) != tuple(conv.kernel_size):
        raise Refused("patches that overlap", "conv_proj", f"stride {conv.stride}, kernel {conv.kernel_size}",
                      "stride = kernel")
    mapping.take("patch_w", "conv_proj.weight", lambda a: a.reshape(len(a), -1), "flattened")
    mapping.take_if("patch_b", "conv_proj.bias")
    mapping.take("prefix_embedding", "class_token", lambda a: a[0])
    mapping.take("position_embedding", "encoder.pos_embedding", lambda a: a[0])
    side = int((model.encoder.pos_embedding.shape[1] - 1)**0.5)
    first = next(iter(model.encoder.layers.children()))
    net = {**norms_of(model, names + ["encoder.ln"]), "norm_position": "pre", "gated": np.uint8(0),
           "activation": activation_of(_parts(first.mlp)[1], "encoder.layers, mlp")}
    return Plan(NAME, {"family": "vit", "causal": 0, "prefix_tokens": 1, "grid_h": side, "grid_w": side}, net, mapping,
                "patches", [{"pool": "first"}], "encoder.layers", tuple(conv.kernel_size))


def _parts(mlp):
    """Names of the two Linear layers of an MLP block and its activation."""
    linears = [name for name, m in mlp.named_children() if hasattr(m, "in_features")]
    others = [m for _, m in mlp.named_children() if not hasattr(m, "in_features") and "Dropout" not in type(m).__name__]
    if len(linears) != 2 or len(others) != 1:
        raise Refused("an MLP of another kind", type(mlp).__name__, f"{len(linears)} Linear, {len(others)} activations",
                      "Linear, activation, Linear")
    return linears, others[0]


def _block(mapping, i, at, block):
    """One encoder block. Returns: names of its norms."""
    layer = f"layer_{i:02d}"
    packed = f"{at}.self_attention.in_proj_"
    packed_thirds(mapping, layer, packed + "weight", packed + "bias")
    mapping.linear(f"{layer}/wo", f"{layer}/bo", f"{at}.self_attention.out_proj")
    up, down = _parts(block.mlp)[0]
    mapping.linear(f"{layer}/w_up", f"{layer}/b_up", f"{at}.mlp.{up}")
    mapping.linear(f"{layer}/w_down", f"{layer}/b_down", f"{at}.mlp.{down}")
    mapping.norm(f"{layer}/norm1", f"{at}.ln_1")
    mapping.norm(f"{layer}/norm2", f"{at}.ln_2")
    return [f"{at}.ln_1", f"{at}.ln_2"]
