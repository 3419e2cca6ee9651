"""The traces fine-tuned for one scheme each: the format, their golden logits, what their report says of them."""

import json
import unittest

import small
import numpy as np

from attohm_export.reader import TraceReader, check_trace, content_matches

FOLDER = small.ROOT / "workloads" / "zoo" / "digits_variants"
REPORT = json.loads((FOLDER / "report.json").read_text())
LOGIT_LIMIT = 1e-4


class VariantTraces(unittest.TestCase):
    def each(self):
        """(part of the report, open trace) of every variant."""
        self.assertGreater(len(REPORT), 0)
        for scheme, part in REPORT.items():
            with self.subTest(scheme), TraceReader(FOLDER / part["trace"]) as trace:
                yield part, trace

    def test_they_obey_the_format(self):
        for part, trace in self.each():
            path = FOLDER / part["trace"]
            check_trace(path)
            self.assertTrue(content_matches(path))
            self.assertLess(path.stat().st_size, 4_000_000)
            self.assertEqual(len(trace.names()), part["test_samples"])

    def test_golden_logits_and_exact_accuracy(self):
        for part, trace in self.each():
            names = trace.names()
            labels = np.array([trace.file[name].attrs["label"] for name in names])
            stored = trace.stacked("logits", names)
            self.assertAlmostEqual((stored.argmax(axis=1) == labels).mean(), part["accuracy_exact"])
            logits = trace.vit().run(trace.stacked("patches", names[::12])).logits
            np.testing.assert_allclose(stored[::12], logits, atol=LOGIT_LIMIT, rtol=0)

    def test_weights_are_of_half_precision(self):
        for _, trace in self.each():
            for name, w in trace.weights()["layer_00"].items():
                np.testing.assert_array_equal(w, w.astype(np.float16).astype(np.float32), err_msg=name)


if __name__ == "__main__":
    unittest.main()
