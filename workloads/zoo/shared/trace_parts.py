"""What the traces of the zoo's transformers have in common."""

import numpy as np

from attohm_export.adapters import torch_modules


def block_weights(block):
    """Every weight of a PreNormBlock as float32 under its name in the trace format."""
    return {**torch_modules.linear(block.query, "wq", "bq"), **torch_modules.linear(block.key, "wk", "bk"),
            **torch_modules.linear(block.value, "wv", "bv"), **torch_modules.linear(block.proj, "wo", "bo"),
            **torch_modules.layer_norm(block.norm1, "norm1"), **torch_modules.layer_norm(block.norm2, "norm2"),
            **torch_modules.linear(block.up, "w_up", "b_up"), **torch_modules.linear(block.down, "w_down", "b_down")}


def captured_layers(network, sample, tokens, causal):
    """q, k, v, out of one sample as the format's layers, float16.

    Args: sample: patches [n, p] or tokens [N]; tokens: its length with prefix; causal: 0 or 1.
    Returns: [(attributes, tensors)] per layer.
    """
    attributes = {"n_q": tokens, "n_k": tokens, "scale": network.scale, "causal": np.uint8(causal)}
    layers = network.run(sample[None], capture=True).layers
    return [(attributes, {name: array[0].astype(np.float16) for name, array in layer.items()}) for layer in layers]


def pruning(counts):
    """Fractions of the scores that may be seen, over some layers. Args: counts: PruneCount per layer."""
    valid = sum(c.valid for c in counts)
    return {"valid_scores": valid,
            "pruned": 1.0 - sum(c.kept for c in counts) / valid,
            "pruned_empty_rows_dense": 1.0 - sum(c.kept_dense for c in counts) / valid,
            "empty_rows": sum(c.empty_rows for c in counts) / sum(c.rows for c in counts)}
