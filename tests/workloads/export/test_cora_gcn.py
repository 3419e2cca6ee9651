"""The committed Cora trace: the format, the graph it holds, its golden logits and accuracy."""

import json
import unittest

import small
import h5py
import numpy as np

from attohm_export.graph import csr_of
from attohm_export.reader import TraceReader, check_trace, content_matches

FOLDER = small.ROOT / "workloads" / "zoo" / "cora_gcn"
TRACE = FOLDER / "cora_gcn.h5"
DATA = small.ROOT / "workloads" / "data" / "cora.h5"
LOGIT_LIMIT = 1e-5


class CoraTrace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.report = json.loads((FOLDER / "report.json").read_text())
        with TraceReader(TRACE) as trace:
            cls.network = trace.network()
            _, cls.tensors, cls.layers = trace.sample("/samples/000000")

    def test_obeys_the_format(self):
        self.assertEqual(check_trace(TRACE), 0.0)
        self.assertTrue(content_matches(TRACE))
        self.assertLess(TRACE.stat().st_size, 1_000_000)
        self.assertEqual([attrs["kind"] for attrs, _ in self.layers], ["graph", "graph"])

    def test_graph_and_split_are_those_of_the_data(self):
        with h5py.File(DATA) as data:
            nodes = len(data["labels"])
            indptr = data["adjacency/indptr"][()]
            edges = np.stack([np.repeat(np.arange(nodes), np.diff(indptr)), data["adjacency/indices"][()]])
            np.testing.assert_array_equal(self.tensors["labels"], data["labels"])
            np.testing.assert_array_equal(self.tensors["eval_index"], data["test_index"])
            words, counts = data["features/indices"][()], np.diff(data["features/indptr"][()])
        for name, array in csr_of(edges, nodes).items():
            np.testing.assert_array_equal(self.layers[0][1]["adjacency"][name], array)
        x = self.layers[0][1]["x"]
        rows, columns = np.nonzero(x)
        np.testing.assert_array_equal(rows, np.repeat(np.arange(nodes), counts))
        np.testing.assert_array_equal(columns, np.concatenate([np.sort(w) for w in np.split(words, counts.cumsum()[:-1])]))
        np.testing.assert_allclose(x.astype(np.float64).sum(axis=1), 1.0, atol=1e-3)

    def test_golden_logits_and_accuracy(self):
        logits, inputs = self.network.run(self.layers[0][1]["x"], self.layers[0][1]["adjacency"])
        np.testing.assert_allclose(self.tensors["logits"], logits, atol=LOGIT_LIMIT, rtol=0)
        np.testing.assert_allclose(self.layers[1][1]["x"], inputs[1], atol=LOGIT_LIMIT, rtol=0)
        nodes = self.tensors["eval_index"]
        right = (logits[nodes].argmax(axis=1) == self.tensors["labels"][nodes]).mean()
        self.assertAlmostEqual(right, self.report["accuracy"]["test"], 12)
        self.assertGreaterEqual(right, 0.80)

    def test_the_seed_is_chosen_without_the_test_nodes(self):
        best = max(self.report["runs"], key=lambda run: run["validation"])
        self.assertEqual(self.report["seed"], best["seed"])
        mean = sum(run["test"] for run in self.report["runs"]) / len(self.report["runs"])
        self.assertAlmostEqual(self.report["test_mean"], mean, 12)
        self.assertGreaterEqual(mean, 0.80)


if __name__ == "__main__":
    unittest.main()
