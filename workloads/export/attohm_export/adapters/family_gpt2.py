"""Table "GPT-2": Hugging Face's GPT2LMHeadModel (Conv1D weights) and networks with its names (Linear weights)."""

import numpy as np

from ..errors import Refused
from ..mapping import Mapping
from .plan import Plan, activation_of, arrays_of, norms_of, packed_thirds, prefix_of

NAME = "GPT-2"
MARKS = ("wte", "wpe", "h.0.attn.c_attn", "h.0.mlp.c_fc", "ln_f")
IGNORED = {".attn.bias": "causal mask, said by the attribute causal",
           ".attn.masked_bias": "constant of the causal mask"}


def recognises(model):
    """By names of modules."""
    return prefix_of(model, MARKS, ("transformer.", "")) is not None


def plan(model):
    """Returns: Plan. Raises: Refused."""
    at = prefix_of(model, MARKS, ("transformer.", ""))
    body = model.get_submodule(at[:-1]) if at else model
    mapping = Mapping(arrays_of(model), IGNORED)
    if not mapping.has("lm_head.weight"):
        raise Refused("no language-model head", NAME, "no lm_head", "a Linear named lm_head, tied or not")
    mapping.take("token_embedding", at + "wte.weight")
    mapping.take("position_embedding", at + "wpe.weight")
    names = [at + "ln_f"]
    for i, block in enumerate(body.h):
        names += _block(mapping, i, f"{at}h.{i}", block)
    mapping.norm("final_norm", at + "ln_f")
    head = mapping.get("lm_head.weight")
    tied = head.shape == mapping.weights["token_embedding"].shape and (head == mapping.weights["token_embedding"]).all()
    if tied:
        mapping.leave("lm_head.weight", "tied to token_embedding")
    else:
        mapping.take("head_w", "lm_head.weight")
    mapping.take_if("head_b", "lm_head.bias")
    mlp = body.h[0].mlp
    act = next((getattr(mlp, name) for name in ("act", "gelu", "activation") if hasattr(mlp, name)), None)
    net = {**norms_of(model, names), "norm_position": "pre", "gated": np.uint8(0), "tied_head": np.uint8(tied),
           "activation": activation_of(act, f"{at}h.0.mlp.act")}
    return Plan(NAME, {"family": "gpt", "causal": 1, "prefix_tokens": 0, "grid_h": 0, "grid_w": 0, "pool": "none"},
                net, mapping, "tokens", [{}], f"{at}h.0")


def _block(mapping, i, at, block):
    """One layer. Returns: names of its norms."""
    layer = f"layer_{i:02d}"
    if hasattr(block, "crossattention"):
        raise Refused("cross-attention", f"{at}.crossattention", "present", "self-attention only")

    def conv1d(module):
        """Is the weight stored [in, out]?"""
        return type(block.get_submodule(module)).__name__ == "Conv1D"

    packed = f"{at}.attn.c_attn"
    packed_thirds(mapping, layer, f"{packed}.weight", f"{packed}.bias", conv1d("attn.c_attn"))
    mapping.linear(f"{layer}/wo", f"{layer}/bo", f"{at}.attn.c_proj", conv1d("attn.c_proj"))
    mapping.linear(f"{layer}/w_up", f"{layer}/b_up", f"{at}.mlp.c_fc", conv1d("mlp.c_fc"))
    mapping.linear(f"{layer}/w_down", f"{layer}/b_down", f"{at}.mlp.c_proj", conv1d("mlp.c_proj"))
    mapping.norm(f"{layer}/norm1", f"{at}.ln_1")
    mapping.norm(f"{layer}/norm2", f"{at}.ln_2")
    return [f"{at}.ln_1", f"{at}.ln_2"]
