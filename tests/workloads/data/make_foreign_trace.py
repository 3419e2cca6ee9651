"""Makes foreign_trace.h5: a small trace as another program might write it (gzip, shuffle, float16, odd
chunks, compact layout, fixed and variable strings, integers of every width, unknown groups and layers).

Run: /usr/bin/python3 tests/workloads/data/make_foreign_trace.py tests/workloads/data/foreign_trace.h5
"""

import sys

import h5py
import numpy as np

HEADS, KV_HEADS, TOKENS, DIM, V_DIM, VALID = 4, 2, 6, 8, 4, 5


def pattern(heads, rows, cols, seed):
    """Multiples of 1/8 between -1 and 1, exact in float16; the C++ test has the same formula."""
    h, i, j = np.meshgrid(np.arange(heads), np.arange(rows), np.arange(cols), indexing="ij")
    return ((h * 31 + i * 7 + j * 3 + seed) % 17 - 8) / 8.0


def attention(q, k, v, scale, allowed, bias):
    """Exact attention in float64; a row with no allowed key is 0."""
    group = q.shape[0] // k.shape[0]
    scores = scale * np.einsum("hid,hjd->hij", q, np.repeat(k, group, 0)) + bias
    scores = np.where(allowed, scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    weights = np.where(allowed, np.exp(scores - np.where(np.isfinite(top), top, 0.0)), 0.0)
    total = weights.sum(-1, keepdims=True)
    return np.einsum("hij,hjd->hid", weights / np.where(total > 0, total, 1.0), np.repeat(v, group, 0))


def compact(group, name, array):
    """A dataset stored within its object header."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(array.shape)
    dataset = h5py.h5d.create(group.id, name.encode(), h5py.h5t.py_create(array.dtype), space, properties)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, array)


def masked_layer(group):
    """float16, gzip and shuffle, chunks across planes, a mask shared by all heads."""
    group.attrs["kind"] = np.bytes_("attention")
    group.attrs["n_q"], group.attrs["n_k"] = np.int8(TOKENS), np.uint64(TOKENS)
    group.attrs["scale"] = np.float32(0.25)
    group.attrs["causal"] = False  # h5py stores an enumeration
    mask = np.ones((1, TOKENS, TOKENS), np.uint8)
    mask[0, 2, :] = 0
    mask[0, :, 1] = 0
    allowed = mask.astype(bool) & (np.arange(TOKENS) < VALID)
    q, k = pattern(HEADS, TOKENS, DIM, 1), pattern(KV_HEADS, TOKENS, DIM, 2)
    v = pattern(KV_HEADS, TOKENS, V_DIM, 3)
    out = attention(q, k, v, 0.25, allowed, 0.0)
    for name, array in {"q": q, "k": k, "v": v, "out": out}.items():
        group.create_dataset(name, data=array.astype("<f2"), chunks=(2, 4, 3), compression="gzip", shuffle=True)
    group.create_dataset("mask", data=mask, chunks=(1, 5, 6), compression="gzip")


def causal_layer(group):
    """float32, compact and contiguous, causal, with a bias for each head; fewer queries than keys."""
    group.attrs["kind"] = "attention"
    group.attrs["n_q"], group.attrs["n_k"] = np.int16(TOKENS - 2), np.int32(TOKENS)
    group.attrs["scale"], group.attrs["causal"], group.attrs["q_prescaled"] = 0.5, np.int8(1), np.uint8(0)
    q, k = pattern(HEADS, TOKENS - 2, DIM, 4), pattern(KV_HEADS, TOKENS, DIM, 5)
    v, bias = pattern(KV_HEADS, TOKENS, V_DIM, 6), pattern(HEADS, TOKENS - 2, TOKENS, 7)
    rows, keys = np.arange(TOKENS - 2)[:, None], np.arange(TOKENS)[None, :]
    allowed = ((keys <= rows + 2) & (keys < VALID))[None]
    compact(group, "q", q.astype("<f4"))
    compact(group, "bias", bias.astype("<f4"))
    group.create_dataset("k", data=k.astype("<f4"))
    group.create_dataset("v", data=v.astype("<f4"), maxshape=(None, TOKENS, V_DIM), fletcher32=True)
    group.create_dataset("out", data=attention(q, k, v, 0.5, allowed, bias).astype("<f4"))


def make(path):
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["format"] = np.bytes_("attohm-trace")
        file.attrs["schema_version"] = "1.3.0"
        file.attrs["producer"], file.attrs["capture_dtype"] = "another program", np.bytes_("float16")
        model = file.create_group("model")
        for name, value in {"layers": 2, "heads": HEADS, "kv_heads": KV_HEADS, "head_dim": DIM, "v_head_dim": V_DIM,
                            "width": 32, "prefix_tokens": 0, "classes": 7}.items():
            model.attrs[name] = np.int8(value)
        model.attrs["name"], model.attrs["family"] = np.bytes_("foreign"), np.bytes_("gpt")
        model.attrs["causal"], model.attrs["task"] = np.uint8(1), np.bytes_("next-token")
        learned = model.create_dataset("thresholds/learned", data=np.arange(8, dtype="<f4").reshape(2, 4) / 4)
        learned.attrs["compares"] = np.bytes_("scaled score")
        file.create_dataset("params/w", data=np.zeros((3, 32), "<f4"))
        file.create_group("notes of ours").attrs["text"] = "unknown groups are ignored"
        sample = file.create_group("samples/000000")
        sample.attrs["dataset"], sample.attrs["valid_len"] = np.bytes_("none"), np.int8(VALID)
        sample.create_dataset("tokens", data=np.arange(TOKENS, dtype="<i4"))
        layers = sample.create_group("layers")
        linear = layers.create_group("00")
        linear.attrs["kind"], linear.attrs["weight_path"] = np.bytes_("linear"), np.bytes_("/params/w")
        linear.create_dataset("x", data=np.zeros((TOKENS, 32), "<f2"))
        masked_layer(layers.create_group("01"))
        causal_layer(layers.create_group("02"))
        file.attrs["complete"] = np.uint8(1)


if __name__ == "__main__":
    make(sys.argv[1])
