"""From the trained digits ViT to an attohm trace, through the project's exporter."""

import numpy as np

from attohm_export import __version__
from attohm_export.adapters import torch_modules
from attohm_export.forward import PruneCount, VitModel
from attohm_export.writer import TraceWriter
from trace_parts import block_weights, captured_layers

import data

CAPTURED_SAMPLES = 8          # test samples that carry q, k, v, out
CALIBRATION_SAMPLES = 16      # from the training set
CAPTURED_CALIBRATION = 3      # a fourth would take the file past 6 MB
BATCH = 30                    # samples per NumPy pass; bounds memory only


def vit_model(model):
    """The torch model as a VitModel: the attributes and weights that the trace will hold."""
    shape = model.shape
    attributes = {"name": "digits_vit", "family": "vit", "layers": shape.layers, "heads": shape.heads,
                  "kv_heads": shape.heads, "head_dim": shape.head_dim, "v_head_dim": shape.head_dim,
                  "width": shape.width, "causal": np.uint8(0), "prefix_tokens": 1, "grid_h": shape.grid,
                  "grid_w": shape.grid, "task": "classify", "classes": shape.classes, "pool": "first"}
    net = {"norm": "layernorm", "norm_eps": shape.norm_eps, "norm_position": "pre", "activation": "gelu",
           "gated": np.uint8(0)}
    return VitModel(attributes, net, weights_of(model))


def weights_of(model):
    """Every weight as float32 under its name in the trace format."""
    weights = {"prefix_embedding": torch_modules.array_of(model.prefix),
               "position_embedding": torch_modules.array_of(model.position),
               **torch_modules.linear(model.patch, "patch_w", "patch_b"),
               **torch_modules.layer_norm(model.norm, "final_norm"),
               **torch_modules.linear(model.head, "head_w", "head_b")}
    for index, block in enumerate(model.blocks):
        weights[f"layer_{index:02d}"] = block_weights(block)
    return weights


class Golden:
    """The exact network on a split, dense and with hard thresholds.

    logits, logits_threshold: float64 [n, classes]; prune: PruneCount per layer.
    """

    def __init__(self, vit, split, thresholds):
        self.prune = [PruneCount() for _ in range(vit.model["layers"])]
        dense, pruned = [], []
        for start in range(0, len(split), BATCH):
            patches = data.patches_of(split.images[start:start + BATCH])
            dense.append(vit.run(patches).logits)
            result = vit.run(patches, thresholds)
            pruned.append(result.logits)
            for total, part in zip(self.prune, result.prune):
                total.merge(part)
        self.logits, self.logits_threshold = np.concatenate(dense), np.concatenate(pruned)


def write_trace(path, vit, thresholds, train, test, golden, created_utc):
    """The closed-loop trace: weights, thresholds, every test sample, calibration samples."""
    with TraceWriter(path, "attohm digits_vit", __version__, "float16",
                     "NumPy float64 forward pass of the float32 weights", created_utc) as trace:
        trace.model(**vit.model)
        trace.thresholds(thresholds)
        trace.weights(vit.net, vit.weights)
        for number in range(CALIBRATION_SAMPLES):
            add_digit(trace, vit, train, number, "train", number < CAPTURED_CALIBRATION, {}, calibration=True)
        for number in range(len(test)):
            logits = {"logits": golden.logits[number].astype(np.float32),
                      "logits_threshold": golden.logits_threshold[number].astype(np.float32)}
            add_digit(trace, vit, test, number, "test", number < CAPTURED_SAMPLES, logits)


def add_digit(trace, vit, split, number, name, capture, logits, calibration=False):
    """One digit."""
    attrs = {"dataset": "sklearn load_digits", "split": name, "index": int(split.index[number]),
             "label": int(split.labels[number])}
    patches = data.patches_of(split.images[number:number + 1])[0]
    tokens = vit.model["prefix_tokens"] + len(patches)
    layers = captured_layers(vit, patches, tokens, 0) if capture else ()
    trace.add_sample(attrs, {"patches": patches, **logits}, layers, calibration)
