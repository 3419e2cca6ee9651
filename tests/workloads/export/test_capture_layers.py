"""Linear, conv2d and graph layers on request; a graph network in the closed loop."""

import unittest

import small
import numpy as np
import torch
from torch import nn

import make_models
import torch_models as models
from test_writer import InFolder
from attohm_export import capture
from attohm_export.adapters.route_layers import conv2d
from attohm_export.errors import CaptureError
from attohm_export.reader import TraceReader, check_trace


class Convolutions(nn.Module):
    """Two convolutions and a linear layer, no attention."""

    def __init__(self, **options):
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 6, 3, **options), nn.Conv2d(6, 6, 1, bias=False)
        self.last = nn.Linear(6, 3)

    def forward(self, x):
        return self.last(self.second(torch.relu(self.first(x))).mean(dim=(2, 3)))


class Layers(InFolder):
    def capture(self, model, inputs, **options):
        """Returns: Captured."""
        with models.shim():
            result = capture(model, inputs, self.path, log=make_models.quiet, **options)
        self.assertLess(check_trace(self.path), 1e-5)
        return result

    def test_all_kinds_in_the_order_they_ran(self):
        model = models.randomise(models.VisionTransformer())
        self.capture(model, models.images(), labels="model", linear=["blocks.*.mlp.*", "head"], conv2d=True)
        with TraceReader(self.path) as trace:
            _, _, layers = trace.sample("/samples/000001")
            self.assertEqual([(a["kind"], a["name"]) for a, _ in layers], [
                ("conv2d", "patch_embed.proj"), ("attention", "blocks.0.attn"), ("linear", "blocks.0.mlp.fc1"),
                ("linear", "blocks.0.mlp.fc2"), ("attention", "blocks.1.attn"), ("linear", "blocks.1.mlp.fc1"),
                ("linear", "blocks.1.mlp.fc2"), ("linear", "head")])
            attrs, tensors = layers[2]
            weight = model.blocks[0].mlp.fc1.weight.detach()
            np.testing.assert_array_equal(trace.file[attrs["weight_path"]][()], weight)
            self.assertEqual((tensors["x"].shape, trace.file[attrs["bias_path"]].shape), ((10, 24), (48,)))
            self.assertEqual({name: layers[0][0][name] for name in ("stride", "padding", "groups")},
                             {"stride": 4, "padding": 0, "groups": 1})
            np.testing.assert_array_equal(layers[0][1]["x"], models.images()[1])
            self.assertIsNotNone(trace.net)

    def test_convolution_in_numpy(self):
        for options in ({}, {"stride": 2, "padding": 1}, {"groups": 2, "padding": 2}, {"bias": False}):
            layer = models.randomise(nn.Conv2d(4, 6, 3, **options))
            x = torch.randn(2, 4, 7, 9, generator=torch.Generator().manual_seed(3))
            bias = None if layer.bias is None else layer.bias.detach().numpy()
            got = conv2d(x.numpy(), layer.weight.detach().numpy(), bias, layer.stride[0], layer.padding[0],
                         layer.groups)
            np.testing.assert_allclose(got, layer(x).detach().numpy(), atol=1e-5)

    def test_what_the_format_lacks(self):
        x = torch.randn(2, 4, 8, 8)
        for options in ({"dilation": 2}, {"stride": (1, 2)}, {"padding_mode": "reflect", "padding": 1},
                        {"padding": "same"}):
            with self.assertRaisesRegex(CaptureError, "convolution the trace format does not have"):
                self.capture(models.randomise(Convolutions(**options)), x, conv2d=True)
        with self.assertRaisesRegex(CaptureError, "neither attention nor graph layers"):
            self.capture(models.randomise(Convolutions()), x, conv2d=True)
        self.assertFalse(self.path.exists())

    def test_a_layer_that_computes_something_else(self):
        model = models.randomise(models.VisionTransformer())
        model.head.forward = lambda x: nn.functional.linear(x, model.head.weight, model.head.bias) * 1.01
        with self.assertRaisesRegex(CaptureError, "recomputed layer differs"):
            self.capture(model, models.images(), linear=True, labels="model")
        self.assertFalse(self.path.exists())


class Graphs(Layers):
    def graph(self):
        """Features, edges (from, to), the normalised matrix."""
        x = torch.rand(7, 5, generator=torch.Generator().manual_seed(4))
        edges = torch.tensor([[0, 1, 1, 2, 3, 4, 5, 6], [1, 0, 2, 1, 4, 3, 0, 6]])
        return x, edges

    def test_closed_loop_from_edges_and_from_matrices(self):
        x, edges = self.graph()
        model = models.randomise(models.Gcn())
        dense = torch.rand(7, 7, generator=torch.Generator().manual_seed(5)) * (torch.rand(7, 7) > 0.5)
        for structure in (edges, dense, dense.to_sparse()):
            result = self.capture(model, (x, structure), graph=True, labels=[0, 1, 2, 0, 1, 2, 0], eval_index=[1, 4])
            self.assertTrue(result.closed, result.refused)
            with TraceReader(self.path) as trace:
                self.assertEqual((trace.model["family"], trace.model["task"], trace.net["activation"]),
                                 ("gcn", "node-classify", "relu"))
                _, tensors, layers = trace.sample("/samples/000000")
                self.assertEqual(layers[1][0]["adjacency_path"], "/samples/000000/layers/00/adjacency")
                self.assertEqual(layers[1][0]["weight_path"], "/model/weights/layer_01/w")
                logits, _ = trace.network().run(layers[0][1]["x"], layers[0][1]["adjacency"])
                with torch.no_grad():
                    np.testing.assert_allclose(logits, model(x, structure).numpy(), atol=1e-5)
                np.testing.assert_array_equal(tensors["eval_index"], [1, 4])
                self.assertNotIn("tokens", tensors)

    def test_what_is_no_chain_stays_open(self):
        class Sum(models.Gcn):
            def forward(self, x, structure):
                return super().forward(x, structure) + 1

        x, edges = self.graph()
        result = self.capture(models.randomise(Sum()), (x, edges), graph=True)
        self.assertIn("a chain of graph layers does not give", result.refused)
        with TraceReader(self.path) as trace:
            self.assertIsNone(trace.net)
            self.assertEqual(trace.sample("/samples/000000")[2][0][0]["weight_path"], "/model/modules/conv1/weight")


if __name__ == "__main__":
    unittest.main()
