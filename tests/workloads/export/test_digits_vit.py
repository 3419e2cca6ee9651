"""The committed digits trace: the format, its golden logits, the numbers of its report."""

import json
import unittest

import small
import h5py
import numpy as np

from attohm_export.reader import TraceReader, check_trace, content_matches

FOLDER = small.ROOT / "workloads" / "zoo" / "digits_vit"
TRACE = FOLDER / "digits_vit.h5"
BATCH = 30          # samples per forward pass; bounds memory only
CAPTURED = 8        # test samples that carry q, k, v, out
LOGIT_LIMIT = 1e-4


class DigitsTrace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.trace = TraceReader(TRACE)
        cls.names = cls.trace.names()
        cls.report = json.loads((FOLDER / "report.json").read_text())
        cls.labels = np.array([cls.trace.file[name].attrs["label"] for name in cls.names])
        vit = cls.trace.vit()
        parts = [cls.names[i:i + BATCH] for i in range(0, len(cls.names), BATCH)]
        cls.passes = [vit.run(cls.trace.stacked("patches", part), cls.trace.thresholds) for part in parts]
        cls.dense = vit.run(cls.trace.stacked("patches", cls.names[::6])).logits

    @classmethod
    def tearDownClass(cls):
        cls.trace.file.close()

    def test_obeys_the_format(self):
        self.assertLess(check_trace(TRACE), 1e-2)
        self.assertTrue(content_matches(TRACE))
        self.assertLessEqual(TRACE.stat().st_size, 6_000_000)

    def test_samples_and_calibration_are_disjoint(self):
        calibration = self.trace.names("calibration")
        def index(name):
            return int(self.trace.file[name].attrs["index"])
        self.assertGreaterEqual(len(self.names), 300)
        self.assertEqual(len({index(name) for name in self.names + calibration}), len(self.names) + len(calibration))
        for name in self.names[:CAPTURED]:
            self.assertEqual(sorted(self.trace.file[name]["layers"]), ["00", "01", "02", "03"])

    def test_layout_of_captured_layers(self):
        with h5py.File(TRACE, "r") as file:
            q = file["samples/000000/layers/00/q"]
            self.assertEqual((q.shape, q.dtype, q.chunks), ((2, 65, 64), np.float16, (2, 65, 64)))
            self.assertTrue(q.fletcher32)
            self.assertIsNone(q.compression)
            self.assertEqual(file["samples/000000/logits_threshold"].attrs["empty_row"], b"dense")
            self.assertEqual(file["model/thresholds/learned"].attrs["compares"], b"scaled score")

    def test_golden_logits(self):
        golden = self.trace.stacked("logits", self.names[::6])
        np.testing.assert_allclose(golden, self.dense, atol=LOGIT_LIMIT, rtol=0)
        golden = self.trace.stacked("logits_threshold", self.names)
        got = np.concatenate([result.logits for result in self.passes])
        np.testing.assert_allclose(golden, got, atol=LOGIT_LIMIT, rtol=0)

    def test_accuracies(self):
        for dataset, key in (("logits", "accuracy_dense"), ("logits_threshold", "accuracy_threshold")):
            answers = self.trace.stacked(dataset, self.names).argmax(axis=1)
            self.assertAlmostEqual((answers == self.labels).mean(), self.report[key], 12)
            self.assertGreaterEqual(self.report[key], 0.95)
        self.assertLessEqual(self.report["accuracy_dense_before_fine_tuning"] - self.report["accuracy_threshold"], 0.01)

    def test_pruning_as_reported(self):
        valid, kept = 0, 0
        for index, layer in enumerate(self.report["pruning_per_layer"]):
            counts = [result.prune[index] for result in self.passes]
            self.assertEqual(sum(c.valid for c in counts), layer["valid_scores"])
            pruned = 1 - sum(c.kept for c in counts) / layer["valid_scores"]
            self.assertAlmostEqual(pruned, layer["pruned"], 12)
            valid, kept = valid + layer["valid_scores"], kept + sum(c.kept for c in counts)
        self.assertAlmostEqual(1 - kept / valid, self.report["pruning"]["pruned"], 12)
        self.assertGreaterEqual(self.report["pruning"]["pruned"], 0.6)


if __name__ == "__main__":
    unittest.main()
