"""Table "Hugging Face BERT": BertForSequenceClassification and what has its names."""

import numpy as np

from ..errors import Refused
from ..mapping import Mapping
from .plan import Plan, activation_of, arrays_of, has, norms_of, prefix_of

NAME = "Hugging Face BERT"
MARKS = ("embeddings.word_embeddings", "encoder.layer.0.attention.self.query", "encoder.layer.0.output.dense")


def recognises(model):
    """By names of modules."""
    return prefix_of(model, MARKS, ("bert.", "")) is not None


def plan(model):
    """Returns: Plan. Raises: Refused."""
    at = prefix_of(model, MARKS, ("bert.", ""))
    body = model.get_submodule(at[:-1]) if at else model
    mapping = Mapping(arrays_of(model), {"embeddings.position_ids": "counts 0, 1, ...",
                                         "embeddings.token_type_ids": "zeros"})
    if not mapping.has("classifier.weight"):
        raise Refused("no classification head", NAME, "no classifier", "a Linear named classifier")
    kind = getattr(body.embeddings, "position_embedding_type", "absolute")
    if kind != "absolute":
        raise Refused("relative position bias", at + "embeddings.position_embedding_type", kind, "absolute")
    mapping.take("token_embedding", at + "embeddings.word_embeddings.weight")
    mapping.take_if("position_embedding", at + "embeddings.position_embeddings.weight")
    mapping.take_if("segment_embedding", at + "embeddings.token_type_embeddings.weight")
    mapping.norm("embed_norm", at + "embeddings.LayerNorm")
    names = [at + "embeddings.LayerNorm"]
    for i in range(len(body.encoder.layer)):
        names += _block(mapping, i, f"{at}encoder.layer.{i}")
    pooled = has(body, "pooler.dense")
    if pooled:
        mapping.linear("pooler_w", "pooler_b", at + "pooler.dense")
    mapping.linear("head_w", "head_b", "classifier")
    act = getattr(body.encoder.layer[0].intermediate, "intermediate_act_fn", None)
    net = {**norms_of(model, names), "norm_position": "post", "gated": np.uint8(0),
           "activation": activation_of(act, f"{at}encoder.layer.0.intermediate.intermediate_act_fn")}
    return Plan(NAME, {"family": "bert", "causal": 0, "prefix_tokens": 0, "grid_h": 0, "grid_w": 0}, net, mapping,
                "tokens", [{"pool": "pooler"}] if pooled else [{"pool": "first"}, {"pool": "mean"}, {"pool": "none"}])


def _block(mapping, i, at):
    """One layer. Returns: names of its norms."""
    layer = f"layer_{i:02d}"
    for dataset, module in (("q", "self.query"), ("k", "self.key"), ("v", "self.value"), ("o", "output.dense")):
        mapping.linear(f"{layer}/w{dataset}", f"{layer}/b{dataset}", f"{at}.attention.{module}")
    mapping.linear(f"{layer}/w_up", f"{layer}/b_up", f"{at}.intermediate.dense")
    mapping.linear(f"{layer}/w_down", f"{layer}/b_down", f"{at}.output.dense")
    mapping.norm(f"{layer}/norm1", f"{at}.attention.output.LayerNorm")
    mapping.norm(f"{layer}/norm2", f"{at}.output.LayerNorm")
    return [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
