"""The NumPy forward pass against definitions written out token by token."""

import math
import unittest

import small
import numpy as np

from attohm_export.forward import VitModel
from attohm_export.maths import erf


def norm(x, w, b, eps):
    """Layer norm of one token."""
    return (x - x.mean()) / math.sqrt(x.var() + eps) * w + b


def slow_logits(vit, patches, thresholds=None):
    """The same network for one sample, one query at a time."""
    w, dim, eps = vit.weights, vit.model["head_dim"], vit.net["norm_eps"]
    tokens = [w["prefix_embedding"][0]] + [w["patch_w"] @ p + w["patch_b"] for p in patches]
    x = [np.float64(t) + pos for t, pos in zip(tokens, w["position_embedding"])]
    for index in range(vit.model["layers"]):
        layer = w[f"layer_{index:02d}"]
        y = [norm(t, layer["norm1_w"], layer["norm1_b"], eps) for t in x]
        q, k, v = ([layer["w" + n] @ t + layer["b" + n] for t in y] for n in "qkv")
        for i in range(len(x)):
            merged = []
            for head in range(vit.model["heads"]):
                part = slice(head * dim, (head + 1) * dim)
                scores = [float(q[i][part] @ key[part]) / math.sqrt(dim) for key in k]
                keep = [thresholds is None or s >= thresholds[index] for s in scores]
                keep = keep if any(keep) else [True] * len(keep)
                weights = [math.exp(s) if kept else 0.0 for s, kept in zip(scores, keep)]
                merged.append(sum(a * value[part] for a, value in zip(weights, v)) / sum(weights))
            x[i] = x[i] + layer["wo"] @ np.concatenate(merged) + layer["bo"]
        for i, t in enumerate(x):
            hidden = layer["w_up"] @ norm(t, layer["norm2_w"], layer["norm2_b"], eps) + layer["b_up"]
            hidden = np.array([0.5 * h * (1 + math.erf(h / math.sqrt(2))) for h in hidden])
            x[i] = t + layer["w_down"] @ hidden + layer["b_down"]
    return w["head_w"] @ norm(x[0], w["final_norm_w"], w["final_norm_b"], eps) + w["head_b"]


class Forward(unittest.TestCase):
    def setUp(self):
        self.vit, self.patches = small.tiny_vit(), small.tiny_patches()

    def test_dense_and_pruned_logits(self):
        for thresholds in (None, [0.1, -0.2], [0.5, 99.0]):
            got = self.vit.run(self.patches, thresholds).logits
            for patches, logits in zip(self.patches, got):
                np.testing.assert_allclose(logits, slow_logits(self.vit, patches, thresholds), atol=1e-10)

    def test_counts_of_pruned_scores(self):
        everything = self.vit.run(self.patches, [-99.0, 99.0]).prune
        scores = 3 * 2 * 5 * 5
        self.assertEqual([c.valid for c in everything], [scores, scores])
        self.assertEqual([c.kept for c in everything], [scores, 0])
        self.assertEqual([c.kept_dense for c in everything], [scores, scores])
        self.assertEqual([c.empty_rows for c in everything], [0, 3 * 2 * 5])

    def test_erf_on_and_between_grid_points(self):
        x = np.concatenate([np.random.default_rng(1).normal(0, 2, 2000), [0.0, 5.9999, 6.0, 30.0, -30.0]])
        np.testing.assert_allclose(erf(x), [math.erf(t) for t in x], rtol=0, atol=1e-12)

    def test_refuses_what_it_would_get_wrong(self):
        for model, net in (({"pool": "last"}, {}), ({"kv_heads": 3}, {}), ({}, {"activation": "elu"}),
                           ({}, {"norm_position": "sandwich"}), ({}, {"rope_theta": 1e4, "rope_dim": 3}),
                           ({"family": "gpt"}, {})):
            with self.assertRaisesRegex(ValueError, "supported is"):
                VitModel({**small.MODEL, **model}, {**small.NET, **net}, {})


if __name__ == "__main__":
    unittest.main()
