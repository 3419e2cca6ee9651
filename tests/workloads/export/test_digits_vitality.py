"""The trace fine-tuned for Taylor attention: the format, its golden logits, the accuracies of its report."""

import json
import unittest

import small
import numpy as np

from attohm_export.maths import gelu, layer_norm
from attohm_export.reader import TraceReader, check_trace, content_matches

FOLDER = small.ROOT / "workloads" / "zoo" / "digits_vitality"
TRACE = FOLDER / "digits_vitality.h5"
LOGIT_LIMIT = 1e-4


def linear(x, weights, name):
    """x w^T + b of one layer, names as in the format."""
    return x @ weights["w" + name].astype(np.float64).T + weights["b" + name]


def taylor_logits(vit, patches):
    """The network with sum_j w_ij v_j / sum_j w_ij, w_ij = 1 + scale q_i.(k_j - mean k), in every layer."""
    eps, heads = vit.net["norm_eps"], vit.model["heads"]
    x = vit.embed(patches)
    for index in range(vit.model["layers"]):
        layer = vit.weights[f"layer_{index:02d}"]
        y = layer_norm(x, layer["norm1_w"], layer["norm1_b"], eps)
        q, k, v = (linear(y, layer, n).reshape(*y.shape[:2], heads, -1).swapaxes(1, 2) for n in "qkv")
        weights = 1.0 + vit.scale * q @ (k - k.mean(axis=2, keepdims=True)).swapaxes(-1, -2)
        out = (weights @ v) / weights.sum(axis=-1, keepdims=True)
        x = x + linear(out.swapaxes(1, 2).reshape(y.shape), layer, "o")
        y = layer_norm(x, layer["norm2_w"], layer["norm2_b"], eps)
        x = x + linear(gelu(linear(y, layer, "_up")), layer, "_down")
    pooled = layer_norm(x[:, 0], vit.weights["final_norm_w"], vit.weights["final_norm_b"], eps)
    return pooled @ vit.weights["head_w"].astype(np.float64).T + vit.weights["head_b"]


class VitalityTrace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.trace = TraceReader(TRACE)
        cls.names = cls.trace.names()
        cls.report = json.loads((FOLDER / "report.json").read_text())
        cls.labels = np.array([cls.trace.file[name].attrs["label"] for name in cls.names])

    @classmethod
    def tearDownClass(cls):
        cls.trace.file.close()

    def test_obeys_the_format(self):
        self.assertLess(check_trace(TRACE), 1e-2)
        self.assertTrue(content_matches(TRACE))
        self.assertLess(TRACE.stat().st_size, 4_000_000)
        self.assertEqual(len(self.names), self.report["test_samples"])

    def test_golden_logits(self):
        some = self.names[::6]
        logits = self.trace.vit().run(self.trace.stacked("patches", some)).logits
        np.testing.assert_allclose(self.trace.stacked("logits", some), logits, atol=LOGIT_LIMIT, rtol=0)

    def test_accuracies_of_the_report(self):
        exact = self.trace.stacked("logits", self.names).argmax(axis=1)
        self.assertAlmostEqual((exact == self.labels).mean(), self.report["accuracy_exact"])
        vit = self.trace.vit()
        taylor = np.concatenate([taylor_logits(vit, self.trace.stacked("patches", self.names[i:i + 30]))
                                 for i in range(0, len(self.names), 30)]).argmax(axis=1)
        # One sample whose two largest logits nearly tie may fall either way in torch's float32.
        self.assertLessEqual(abs((taylor == self.labels).sum() - self.report["accuracy_taylor"] * len(self.names)), 1.01)
        self.assertGreater(self.report["accuracy_taylor"], self.report["accuracy_taylor_before"] + 0.2)


if __name__ == "__main__":
    unittest.main()
