"""Graph layers: the sparse product, the forward pass, what the writer refuses."""

import unittest

import small
import numpy as np

from test_writer import InFolder
from attohm_export.graph import GraphNetwork, csr_of, graph_layer
from attohm_export.reader import TraceReader, check_trace

NODES, FEATURES, HIDDEN, CLASSES = 7, 5, 4, 3
EDGES = np.array([[0, 1, 1, 2, 3, 4, 5, 2], [1, 0, 2, 1, 4, 3, 0, 1]])  # one of them twice
MODEL = {"name": "tiny gcn", "family": "gcn", "layers": 2, "heads": 0, "kv_heads": 0, "head_dim": 0, "width": HIDDEN,
         "causal": 0, "prefix_tokens": 0, "grid_h": 0, "grid_w": 0, "task": "node-classify", "classes": CLASSES,
         "pool": "none"}
NET = {"activation": "relu"}


def dense(csr):
    """The matrix written out."""
    a = np.zeros((len(csr["indptr"]) - 1,) * 2)
    for i in range(len(a)):
        for e in range(csr["indptr"][i], csr["indptr"][i + 1]):
            a[i, csr["indices"][e]] += csr["values"][e]
    return a


def weights():
    """Random weights of two layers."""
    rng = np.random.default_rng(7)
    sizes = (FEATURES, HIDDEN, CLASSES)
    return {f"layer_{i:02d}": {"w": rng.normal(size=(sizes[i + 1], sizes[i])).astype(np.float32),
                               "b": rng.normal(size=sizes[i + 1]).astype(np.float32)} for i in range(2)}


class Graph(InFolder):
    def setUp(self):
        super().setUp()
        self.x = np.random.default_rng(8).random((NODES, FEATURES)).astype(np.float32)
        self.csr = csr_of(EDGES, NODES)
        self.network = GraphNetwork(MODEL, NET, weights())

    def layers(self, inputs):
        """Both layers as the writer takes them."""
        first = ({"kind": "graph", "weight_path": "/model/weights/layer_00/w"}, {"x": self.x, "adjacency": self.csr})
        second = {"kind": "graph", "weight_path": "/model/weights/layer_01/w",
                  "adjacency_path": "/samples/000000/layers/00/adjacency"}
        return [first, (second, {"x": inputs[1].astype(np.float32)})]

    def write(self, layers, logits):
        """A whole trace."""
        with small.writer(self.path) as trace:
            trace.model(**MODEL)
            trace.weights(NET, weights())
            tensors = {"logits": logits.astype(np.float32), "labels": np.arange(NODES, dtype=np.int64) % CLASSES,
                       "eval_index": np.array([1, 2, 5], np.int64)}
            trace.add_sample({"dataset": "d", "split": "test", "index": 0}, tensors, layers)

    def test_normalised_adjacency(self):
        plain = dense(csr_of(EDGES, NODES, self_loops=False, normalise=False))
        wanted = np.zeros((NODES, NODES))
        np.add.at(wanted, tuple(EDGES), 1.0)
        np.testing.assert_array_equal(plain, wanted)
        looped = wanted + np.eye(NODES)
        root = 1 / np.sqrt(looped.sum(axis=1))
        np.testing.assert_allclose(dense(self.csr), root[:, None] * looped * root[None, :], rtol=1e-6)

    def test_forward_and_round_trip(self):
        a, w = dense(self.csr), weights()
        hidden = np.maximum(a @ (self.x @ w["layer_00"]["w"].T) + w["layer_00"]["b"], 0)
        wanted = a @ (hidden @ w["layer_01"]["w"].T) + w["layer_01"]["b"]
        logits, inputs = self.network.run(self.x, self.csr)
        np.testing.assert_allclose(logits, wanted, atol=1e-9)
        np.testing.assert_allclose(graph_layer(self.csr, inputs[1], w["layer_01"]["w"], w["layer_01"]["b"]), wanted,
                                   atol=1e-9)
        self.write(self.layers(inputs), logits)
        self.assertEqual(check_trace(self.path), 0.0)
        with TraceReader(self.path) as trace:
            _, tensors, layers = trace.sample("/samples/000000")
            again, _ = trace.network().run(layers[0][1]["x"], layers[0][1]["adjacency"])
            np.testing.assert_allclose(again, tensors["logits"], atol=1e-5)

    def test_refusals(self):
        logits, inputs = self.network.run(self.x, self.csr)

        def broken(number, attrs=None, **tensors):
            layers = self.layers(inputs)
            layers[number] = ({**layers[number][0], **(attrs or {})}, {**layers[number][1], **tensors})
            return layers

        csr = self.csr
        for text, layers in (
                ("weight_path is '/model/nothing'", broken(0, {"weight_path": "/model/nothing"})),
                ("wanted 2 axes and 2 inputs", broken(0, x=self.x[:, :2])),
                ("x has shape", broken(0, x=self.x[0])),
                ("either adjacency or", broken(1, adjacency=csr)),
                ("adjacency_path is ./samples/no.", broken(1, {"adjacency_path": "/samples/no"})),
                ("adjacency holds", broken(0, adjacency={"indptr": csr["indptr"]})),
                ("adjacency/indices is int64", broken(0, adjacency={**csr, "indices": csr["indices"].astype("i8")})),
                ("does not rise", broken(0, adjacency={**csr, "indptr": csr["indptr"][::-1].copy()})),
                ("adjacency/indices run", broken(0, adjacency={**csr, "indices": csr["indices"] + np.int32(3)})),
                ("not finite", broken(0, adjacency={**csr, "values": csr["values"] * np.float32(np.nan)})),
                ("kind is 'tree'", broken(0, {"kind": "tree"}))):
            with self.assertRaisesRegex(ValueError, text):
                self.write(layers, logits)
            self.assertEqual(list(self.folder.iterdir()), [])
        with self.assertRaisesRegex(ValueError, "wanted 'gcn'|supported is 'gcn'"):
            GraphNetwork({**MODEL, "family": "vit"}, NET, weights())


if __name__ == "__main__":
    unittest.main()
