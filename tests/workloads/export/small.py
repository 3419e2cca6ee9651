"""A tiny valid trace for the tests, and the path to the package under test."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "workloads" / "export"))

import numpy as np

from attohm_export.forward import VitModel
from attohm_export.writer import TraceWriter

MODEL = {"name": "tiny", "family": "vit", "layers": 2, "heads": 2, "kv_heads": 2, "head_dim": 4, "width": 8,
         "causal": 0, "prefix_tokens": 1, "grid_h": 2, "grid_w": 2, "task": "classify", "classes": 3, "pool": "first"}
NET = {"norm": "layernorm", "norm_eps": 1e-6, "norm_position": "pre", "activation": "gelu", "gated": 0}
HIDDEN, PATCH, TOKENS = 16, 5, 5
SEED = 20220918


def tiny_vit():
    """Random weights, float32."""
    rng, width = np.random.default_rng(SEED), MODEL["width"]

    def normal(*shape):
        return rng.normal(0, 0.5, shape).astype(np.float32)

    weights = {"patch_w": normal(width, PATCH), "patch_b": normal(width), "prefix_embedding": normal(1, width),
               "position_embedding": normal(TOKENS, width), "final_norm_w": 1 + normal(width),
               "final_norm_b": normal(width), "head_w": normal(3, width), "head_b": normal(3)}
    for index in range(MODEL["layers"]):
        layer = {"w" + n: normal(width, width) for n in "qkvo"}
        layer.update({"b" + n: normal(width) for n in "qkvo"})
        layer.update({"norm1_w": 1 + normal(width), "norm1_b": normal(width), "norm2_w": 1 + normal(width),
                      "norm2_b": normal(width), "w_up": normal(HIDDEN, width), "b_up": normal(HIDDEN),
                      "w_down": normal(width, HIDDEN), "b_down": normal(width)})
        weights[f"layer_{index:02d}"] = layer
    return VitModel(MODEL, NET, weights)


def tiny_patches(count=3):
    """[count, 4, 5], float32."""
    return np.random.default_rng(SEED + 1).random((count, 4, PATCH)).astype(np.float32)


def layers_of(vit, patches, dtype=np.float32):
    """Captured layers of one sample, as `add_sample` takes them."""
    attrs = {"n_q": TOKENS, "n_k": TOKENS, "scale": vit.scale, "causal": 0}
    captured = vit.run(patches[None], capture=True).layers
    return [(dict(attrs), {name: array[0].astype(dtype) for name, array in layer.items()}) for layer in captured]


def writer(path):
    """A TraceWriter with fixed root attributes."""
    return TraceWriter(path, "test", "1", "float32", "NumPy forward", created_utc="2026-01-01T00:00:00Z")


def attrs_of(number, label=0):
    """Attributes of a sample."""
    return {"dataset": "random", "split": "test", "index": number, "label": label}


def write_tiny(path, dtype=np.float32):
    """A closed-loop trace with thresholds and two samples. Returns: the VitModel."""
    vit, patches = tiny_vit(), tiny_patches()
    with writer(path) as trace:
        trace.model(**MODEL)
        trace.thresholds([0.1, -0.2])
        trace.weights(NET, vit.weights)
        for number in range(2):
            tensors = {"patches": patches[number],
                       "logits": vit.run(patches[number:number + 1]).logits[0].astype(np.float32)}
            trace.add_sample(attrs_of(number), tensors, layers_of(vit, patches[number], dtype))
        trace.add_sample(attrs_of(2), {"patches": patches[2]}, calibration=True)
    return vit
