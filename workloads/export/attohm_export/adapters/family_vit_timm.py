"""Table "timm ViT": timm's VisionTransformer and DeiT."""

import numpy as np
import torch

from ..errors import Refused
from ..mapping import Mapping
from .plan import Plan, activation_of, arrays_of, has, norms_of, packed_thirds

NAME = "timm VisionTransformer"
MARKS = ("patch_embed.proj", "blocks.0.attn.qkv", "blocks.0.mlp.fc1", "blocks.0.norm1", "pos_embed", "norm")


def recognises(model):
    """By names of modules and parameters."""
    return all(has(model, mark) for mark in MARKS)


def plan(model):
    """Returns: Plan. Raises: Refused."""
    _refuse(model)
    mapping = Mapping(arrays_of(model))
    names = []
    for i, block in enumerate(model.blocks):
        names += _block(model, mapping, i, block)
    names += ["norm"] if not _identity(model.norm) else []
    if _identity(model.norm):
        raise Refused("a vision transformer without a norm before the head", "norm", "Identity (fc_norm after pooling)",
                      "norm before pooling")
    mapping.norm("final_norm", "norm")
    mapping.linear("head_w", "head_b", "head")
    conv, whole = model.patch_embed.proj, _identity(getattr(model, "norm_pre", None))
    prefix = _embeddings(model, mapping, conv) if whole else _left_to_x0(model, mapping)
    grid = getattr(model.patch_embed, "grid_size", None)
    patches = int(model.pos_embed.shape[1]) - (prefix if _covers_prefix(model, prefix) else 0)
    rows, cols = (int(n) for n in grid) if grid is not None else (int(patches**0.5),) * 2
    heads = {int(block.attn.num_heads) for block in model.blocks}
    net = {**norms_of(model, names), "norm_position": "pre", "gated": np.uint8(0),
           "activation": activation_of(model.blocks[0].mlp.act, "blocks.0.mlp.act"),
           "qk_norm": _qk_norm(model), "layer_scale": np.uint8(_has_scale(model))}
    pool = {"token": "first", "avg": "mean"}.get(getattr(model, "global_pool", None))
    return Plan(NAME, {"family": "vit", "causal": 0, "prefix_tokens": prefix, "grid_h": rows, "grid_w": cols,
                       "heads": heads.pop()},
                net, mapping, "patches" if whole else "x0",
                [{"pool": pool}] if pool else [{"pool": "first"}, {"pool": "mean"}], "blocks.0",
                tuple(conv.kernel_size))


def _refuse(model):
    """What this layout can hold and the format cannot."""
    for name, what in (("head_dist", "two heads (a distilled head beside the other)"),
                       ("attn_pool", "attention pooling"), ("rel_pos_bias", "relative position bias"),
                       ("shared_rel_pos_bias", "relative position bias"), ("rope", "a rotary embedding over the grid")):
        if getattr(model, name, None) is not None:
            raise Refused(what, name, type(getattr(model, name)).__name__, "none")
    if not _identity(getattr(model, "fc_norm", None)):
        raise Refused("a norm after pooling", "fc_norm", type(model.fc_norm).__name__, "the norm before pooling")
    if not isinstance(getattr(model, "head", None), torch.nn.Linear):
        raise Refused("no classification head", "head", type(getattr(model, "head", None)).__name__, "Linear")


def _identity(module):
    return module is None or isinstance(module, torch.nn.Identity)


def _has_scale(model):
    return not _identity(getattr(model.blocks[0], "ls1", None))


def _qk_norm(model):
    norm = getattr(model.blocks[0].attn, "q_norm", None)
    return "none" if _identity(norm) else norms_of(model, ["blocks.0.attn.q_norm"])["norm"]


def _block(model, mapping, i, block):
    """One block. Returns: names of its norms."""
    layer, at = f"layer_{i:02d}", f"blocks.{i}"
    for name in ("attn.qkv", "mlp.fc1", "mlp.fc2", "norm1", "norm2"):
        if not has(block, name):
            raise Refused("a block of another kind (parallel or gated blocks have their own layout)", at,
                          f"{type(block).__name__} without {name}", "norm1, attn.qkv, norm2, mlp.fc1, mlp.fc2")
    packed_thirds(mapping, layer, f"{at}.attn.qkv.weight", f"{at}.attn.qkv.bias")
    mapping.linear(f"{layer}/wo", f"{layer}/bo", f"{at}.attn.proj")
    mapping.linear(f"{layer}/w_up", f"{layer}/b_up", f"{at}.mlp.fc1")
    mapping.linear(f"{layer}/w_down", f"{layer}/b_down", f"{at}.mlp.fc2")
    names = []
    for dataset, name in (("norm1", "norm1"), ("norm2", "norm2"), ("q_norm", "attn.q_norm"), ("k_norm", "attn.k_norm")):
        if has(block, name) and not _identity(block.get_submodule(name)):
            mapping.norm(f"{layer}/{dataset}", f"{at}.{name}")
            names.append(f"{at}.{name}")
    for name in ("ls1", "ls2"):
        mapping.take_if(f"{layer}/{name}", f"{at}.{name}.gamma")
    return names


def _left_to_x0(model, mapping):
    """A norm behind the embedding has no dataset: samples carry x0 instead. Returns: how many prefix tokens."""
    for name in mapping.leftover():
        if not name.startswith("blocks."):
            mapping.leave(name, "in x0 of each sample")
    tokens = (getattr(model, name, None) for name in ("cls_token", "dist_token", "reg_token"))
    return sum(t.shape[1] for t in tokens if t is not None)


def _embeddings(model, mapping, conv):
    """Patch, prefix and position embedding. Returns: how many prefix tokens."""
    if tuple(conv.stride) != tuple(conv.kernel_size) or any(conv.padding) or tuple(conv.dilation) != (1, 1):
        raise Refused("patches that overlap", "patch_embed.proj", f"stride {conv.stride}, kernel {conv.kernel_size}",
                      "stride = kernel, no padding")
    if not _identity(getattr(model.patch_embed, "norm", None)):
        raise Refused("a norm behind the patch embedding", "patch_embed.norm",
                      type(model.patch_embed.norm).__name__, "none")
    mapping.take("patch_w", "patch_embed.proj.weight", lambda a: a.reshape(len(a), -1), "flattened")
    mapping.take_if("patch_b", "patch_embed.proj.bias")
    names = [n for n in ("cls_token", "dist_token", "reg_token") if getattr(model, n, None) is not None]
    parts = [mapping.get(name).reshape(-1, mapping.get(name).shape[-1]) for name in names]
    prefix = sum(len(part) for part in parts)
    if prefix:
        mapping.put("prefix_embedding", np.concatenate(parts), " + ".join(names))
        for name in names:
            mapping.leave(name, "in prefix_embedding")
    position = mapping.get("pos_embed")[0]
    if not _covers_prefix(model, prefix):
        zeros = np.zeros((prefix, position.shape[1]), np.float32)
        mapping.put("position_embedding", np.concatenate([zeros, position]), "pos_embed, zeros for the prefix")
        mapping.leave("pos_embed", "in position_embedding")
    else:
        mapping.take("position_embedding", "pos_embed", lambda a: a[0])
    return prefix


def _covers_prefix(model, prefix):
    """Does pos_embed have rows for the prefix tokens (timm: no_embed_class leaves them out)?"""
    return prefix == 0 or not getattr(model, "no_embed_class", False)
