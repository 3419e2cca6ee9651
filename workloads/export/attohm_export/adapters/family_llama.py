"""Table "Llama": Hugging Face's LlamaForCausalLM and what has its names (Mistral, Qwen2, Qwen3)."""

import numpy as np

from ..errors import Refused
from ..mapping import Mapping
from .plan import Plan, activation_of, arrays_of, eps_of, has, norm_kind, norms_of, prefix_of

NAME = "Hugging Face Llama"
MARKS = ("embed_tokens", "layers.0.self_attn.q_proj", "layers.0.mlp.gate_proj", "layers.0.input_layernorm", "norm")
ROPE_LIMIT = 1e-4  # relative: frequencies against theta^(-2i/d)


def recognises(model):
    """By names of modules."""
    return prefix_of(model, MARKS, ("model.", "")) is not None


def plan(model):
    """Returns: Plan. Raises: Refused."""
    at = prefix_of(model, MARKS, ("model.", ""))
    body = model.get_submodule(at[:-1]) if at else model
    mapping = Mapping(arrays_of(model), {"inv_freq": "frequencies, said by rope_theta"})
    if not mapping.has("lm_head.weight"):
        raise Refused("no language-model head", NAME, "no lm_head", "a Linear named lm_head, tied or not")
    mapping.take("token_embedding", at + "embed_tokens.weight")
    names = [at + "norm"]
    for i, block in enumerate(body.layers):
        names += _block(mapping, i, f"{at}layers.{i}", block)
    mapping.norm("final_norm", at + "norm")
    head, embedding = mapping.get("lm_head.weight"), mapping.weights["token_embedding"]
    tied = head.shape == embedding.shape and (head == embedding).all()
    if tied:
        mapping.leave("lm_head.weight", "tied to token_embedding")
    else:
        mapping.take("head_w", "lm_head.weight")
    mapping.take_if("head_b", "lm_head.bias")
    net = {**norms_of(model, names), "norm_position": "pre", "gated": np.uint8(1), "tied_head": np.uint8(tied),
           "activation": activation_of(_activation(body), f"{at}layers.0.mlp.act_fn"), **_rotary(model, mapping),
           "qk_norm": _qk_norm(body, at)}
    # Both ways of pairing elements are in use under these names; the logits tell which.
    return Plan(NAME, {"family": "llama", "causal": 1, "prefix_tokens": 0, "grid_h": 0, "grid_w": 0, "pool": "none"},
                net, mapping, "tokens", [{"rope_style": "half"}, {"rope_style": "interleaved"}], f"{at}layers.0")


def _activation(body):
    mlp = body.layers[0].mlp
    return getattr(mlp, "act_fn", getattr(mlp, "act", None))


def _qk_norm(body, at):
    """Kind of q_norm, which must have the eps of the rest."""
    if not has(body, "layers.0.self_attn.q_norm"):
        return "none"
    name = f"{at}layers.0.self_attn.q_norm"
    norm = body.layers[0].self_attn.q_norm
    if eps_of(norm, name) != eps_of(body.norm, "norm"):
        raise Refused("norms of one network differ", name, f"eps {eps_of(norm, name):g}",
                      f"eps {eps_of(body.norm, 'norm'):g}, as in norm")
    return norm_kind(norm, name)


def _block(mapping, i, at, block):
    """One layer. Returns: names of its norms."""
    layer = f"layer_{i:02d}"
    for name in ("self_attn.q_proj", "mlp.gate_proj", "input_layernorm", "post_attention_layernorm"):
        if not has(block, name):
            raise Refused("a layer of another kind (mixture of experts, parallel blocks)", at,
                          f"{type(block).__name__} without {name}", "self_attn, mlp.gate_proj and two norms")
    for name in "qkvo":
        mapping.linear(f"{layer}/w{name}", f"{layer}/b{name}", f"{at}.self_attn.{name}_proj")
    if mapping.has(f"{at}.mlp.gate_proj.bias"):
        raise Refused("a bias on the gate", f"{at}.mlp.gate_proj.bias", "present", "none")
    mapping.take(f"{layer}/w_gate", f"{at}.mlp.gate_proj.weight")
    mapping.linear(f"{layer}/w_up", f"{layer}/b_up", f"{at}.mlp.up_proj")
    mapping.linear(f"{layer}/w_down", f"{layer}/b_down", f"{at}.mlp.down_proj")
    mapping.norm(f"{layer}/norm1", f"{at}.input_layernorm")
    mapping.norm(f"{layer}/norm2", f"{at}.post_attention_layernorm")
    for name in ("q_norm", "k_norm"):
        if mapping.has(f"{at}.self_attn.{name}.weight"):
            mapping.norm(f"{layer}/{name}", f"{at}.self_attn.{name}")
    return [f"{at}.input_layernorm", f"{at}.post_attention_layernorm"]


def _rotary(model, mapping):
    """rope_theta and rope_dim from the frequencies themselves; scaled ones are refused."""
    names = [name for name, _ in model.named_buffers() if name.endswith("inv_freq")]
    if not names:
        theta = getattr(getattr(model, "config", None), "rope_theta", None)
        if theta is None:
            raise Refused("a rotary embedding that the exporter cannot find", NAME, "no buffer inv_freq, no "
                          "config.rope_theta", "one of them")
        return {"rope_theta": float(theta)}
    frequencies = np.asarray(mapping.get(names[0]), np.float64).ravel()
    pairs = np.arange(len(frequencies)) / len(frequencies)
    theta = float(frequencies[-1] ** (-1.0 / pairs[-1])) if len(frequencies) > 1 else 1e4
    nearest = float(f"{theta:.5g}")
    error = np.abs(frequencies / nearest ** -pairs - 1).max()
    scaling = getattr(model.get_submodule(names[0].rpartition(".")[0]), "attention_scaling", 1.0)
    if error > ROPE_LIMIT or scaling != 1.0:
        raise Refused("scaled rotary frequencies", names[0],
                      f"{error:.3g} from theta^(-2i/d), attention scaling {scaling}", "theta^(-2i/d) of one theta")
    return {"rope_theta": nearest, "rope_dim": 2 * len(frequencies)}
