"""Table "nn.TransformerEncoder": embeddings, one torch.nn.TransformerEncoder, a head.

What is around the encoder has no fixed names, so each part is told by its type and
a word in its name; `names` gives the dataset of a parameter where that is not enough.
"""

import numpy as np
import torch
from torch import nn

from ..errors import Refused
from ..mapping import Mapping
from .plan import Plan, activation_of, arrays_of, norms_of, packed_thirds

NAME = "torch nn.TransformerEncoder"


def recognises(model):
    """Exactly one nn.TransformerEncoder inside."""
    return sum(isinstance(module, nn.TransformerEncoder) for module in model.modules()) == 1


def plan(model, names=None):
    """Args: names: {"token_embedding": "tok.weight", ...} for what is outside the encoder, optional.

    Returns: Plan. Raises: Refused.
    """
    at, encoder = next((n, m) for n, m in model.named_modules() if isinstance(m, nn.TransformerEncoder))
    first = encoder.layers[0]
    mapping, norms = Mapping(arrays_of(model)), []
    for i, layer in enumerate(encoder.layers):
        norms += _layer(mapping, i, f"{at}.layers.{i}", layer, first)
    outside = _outside(model, at, names or {}, first.norm_first and encoder.norm is None)
    norms += [name for name in outside.pop("norms")]
    if encoder.norm is not None:
        if not first.norm_first:
            raise Refused("a final norm behind post-norm layers", f"{at}.norm", type(encoder.norm).__name__,
                          "norm=None, or norm_first=True")
        mapping.norm("final_norm", f"{at}.norm")
        norms.append(f"{at}.norm")
    for dataset, (parameter, change) in outside.items():
        mapping.take(dataset, parameter, change)
    if "head_w" not in mapping.weights:
        raise Refused("no head", NAME, "no Linear outside the encoder", "a Linear from the width to the classes")
    net = {**norms_of(model, norms), "norm_position": "pre" if first.norm_first else "post", "gated": np.uint8(0),
           "activation": activation_of(first.activation, f"{at}.layers.0.activation")}
    pools = ["pooler"] if "pooler_w" in mapping.weights else ["first", "mean", "none"]
    return Plan(NAME, {"family": None, "causal": None, "prefix_tokens": 0, "grid_h": 0, "grid_w": 0}, net, mapping,
                "tokens" if "token_embedding" in mapping.weights else "x0", [{"pool": pool} for pool in pools],
                f"{at}.layers.0")


def _layer(mapping, i, at, layer, first):
    """One nn.TransformerEncoderLayer. Returns: names of its norms."""
    if layer.norm_first != first.norm_first:
        raise Refused("layers of one encoder differ", at, f"norm_first {layer.norm_first}", f"{first.norm_first}")
    group, packed = f"layer_{i:02d}", f"{at}.self_attn.in_proj_"
    packed_thirds(mapping, group, packed + "weight", packed + "bias")
    mapping.linear(f"{group}/wo", f"{group}/bo", f"{at}.self_attn.out_proj")
    mapping.linear(f"{group}/w_up", f"{group}/b_up", f"{at}.linear1")
    mapping.linear(f"{group}/w_down", f"{group}/b_down", f"{at}.linear2")
    mapping.norm(f"{group}/norm1", f"{at}.norm1")
    mapping.norm(f"{group}/norm2", f"{at}.norm2")
    return [f"{at}.norm1", f"{at}.norm2"]


def _outside(model, at, names, final_norm):
    """Datasets of what is not in the encoder: {dataset: (parameter, change or None)}, and the norms' names."""
    found, norms = {dataset: (parameter, _flat(dataset)) for dataset, parameter in names.items()}, []
    for name, module in model.named_modules():
        if name == at or name.startswith(at + ".") or not name:
            continue
        if isinstance(module, nn.Embedding):
            _once(found, _embedding_of(name), f"{name}.weight")
        elif isinstance(module, nn.Linear):
            dataset = "pooler" if "pool" in name.lower() else "head"
            _once(found, dataset + "_w", f"{name}.weight")
            if module.bias is not None:
                _once(found, dataset + "_b", f"{name}.bias")
        elif isinstance(module, nn.LayerNorm):
            dataset = "final_norm" if final_norm and "emb" not in name.lower() else "embed_norm"
            norms.append(name)
            _once(found, dataset + "_w", f"{name}.weight")
            _once(found, dataset + "_b", f"{name}.bias")
    for name, parameter in model.named_parameters(recurse=False):
        if "pos" in name.lower() and parameter.shape[-1] == _width(model, at):
            _once(found, "position_embedding", name)
    return {**found, "norms": norms}


def _once(found, dataset, parameter):
    """Two candidates for one dataset are a question for the user."""
    if parameter in (taken for taken, _ in found.values()):
        return
    if dataset in found:
        raise Refused(f"two candidates for {dataset}", parameter, f"{found[dataset][0]} and {parameter}",
                      f'names={{"{dataset}": "..."}}')
    found[dataset] = (parameter, _flat(dataset))


def _flat(dataset):
    """Position embeddings may carry a batch axis of 1."""
    return (lambda a: a.reshape(-1, a.shape[-1])) if dataset == "position_embedding" else None


def _embedding_of(name):
    """Which embedding, by a word in its name."""
    name = name.lower()
    if "pos" in name:
        return "position_embedding"
    return "segment_embedding" if "seg" in name or "type" in name else "token_embedding"


def _width(model, at):
    with torch.no_grad():
        return model.get_submodule(at).layers[0].linear1.in_features
