"""What the exporter refuses: each case once, by name, and no file is left."""

import types
import unittest
from unittest import mock

import small
import numpy as np
import torch
from torch import nn
from torch.nn import functional

import make_models
import torch_models as models
from test_writer import InFolder
from attohm_export import capture
from attohm_export.adapters import families
from attohm_export.errors import CaptureError, Refused
from attohm_export.reader import TraceReader


class Refusals(InFolder):
    def assert_stops(self, text, model, inputs, **options):
        """The capture raises with `text`; nothing is left in the folder."""
        with models.shim(), self.assertRaises(ValueError) as caught:
            capture(model, inputs, self.path, log=make_models.quiet, **options)
        self.assertIn(text, str(caught.exception))
        self.assertEqual(list(self.folder.iterdir()), [])
        return caught.exception

    def assert_open(self, text, model, inputs, **options):
        """closed=True raises Refused with `text`; "auto" writes an open-loop trace and says why."""
        error = self.assert_stops(text, model, inputs, closed=True, **options)
        self.assertIsInstance(error, Refused)
        with models.shim():
            result = capture(model, inputs, self.path, log=make_models.quiet, **options)
        self.assertIn(text, result.refused)
        with TraceReader(self.path) as trace:
            self.assertIsNone(trace.net)
        self.path.unlink()


class Inputs(Refusals):
    def setUp(self):
        super().setUp()
        self.model, self.images = models.randomise(models.VisionTransformer()), models.images()

    def test_what_is_no_model_or_no_input(self):
        self.assert_stops("not a model the routes can enter", lambda x: x, self.images)
        scripted = torch.jit.script(nn.Linear(2, 2))
        self.assert_stops("not a model the routes can enter", scripted, self.images)
        self.assert_stops("inputs hold no tensor", self.model, {"x": 3})
        self.assert_stops("no inputs", self.model, [])
        self.assert_stops("no attention layer was seen", nn.Linear(4, 4), torch.ones(2, 4))
        self.assert_stops("unknown route", self.model, self.images, routes=["flash"])
        self.assert_stops("no attention layer was seen", self.model, self.images, routes=["mha"])
        self.assert_stops("a narrow type", models.VisionTransformer().bfloat16(), self.images)
        self.assert_stops("unknown option", self.model, self.images, closed="maybe")

    def test_labels_targets_and_lengths(self):
        self.assert_stops("labels does not fit", self.model, self.images, labels=[0, 1, 2, 3])
        self.assert_stops("labels is too short", self.model, self.images, labels=[0, 1])
        self.assert_stops("label is 9", self.model, self.images, labels=[0, 1, 9])
        self.assert_stops("unknown labels", self.model, self.images, labels="mine")
        gpt = models.randomise(models.Gpt())
        ids = models.tokens(2, 7, 43)
        self.assert_stops("targets has shape", gpt, ids, targets=np.full((2, 7), 43))
        self.assert_stops("valid_len contradicts the mask", self.model, self.images, valid_len=[10, 5, 10],
                          labels="model")

    def test_values(self):
        broken = models.randomise(models.VisionTransformer())
        with torch.no_grad():
            broken.blocks[1].attn.proj.weight[0, 0] = float("nan")
        self.assert_stops("a weight is not finite", broken, self.images, closed=True)
        self.assert_stops("not finite", broken, self.images)
        with torch.no_grad():
            broken.blocks[1].attn.proj.weight[0, 0] = 0
            broken.blocks[0].attn.qkv.weight *= 1e6
        self.assert_stops("a value is too large for float16", broken, self.images, half=True)
        self.assert_stops("/model/thresholds/learned: shape (3,)", self.model, self.images, thresholds=[0, 0, 0])

    def test_an_older_file_survives(self):
        self.path.write_text("old")
        with self.assertRaises(CaptureError), models.shim():
            capture(self.model, {"x": 3}, self.path, log=make_models.quiet)
        self.assertEqual(self.path.read_text(), "old")
        self.assertEqual(len(list(self.folder.iterdir())), 1)


class Calls(Refusals):
    """What a captured call may not be."""

    class Function(nn.Module):
        """Calls scaled_dot_product_attention as told."""

        def __init__(self, *shapes, change=None, **arguments):
            super().__init__()
            self.shapes, self.change, self.arguments = shapes, change, arguments

        def forward(self, x):
            for q_shape, k_shape in self.shapes:
                q, k = torch.ones(q_shape), torch.ones(k_shape)
                out = functional.scaled_dot_product_attention(q, k, k, **self.arguments)
                if self.change:
                    self.change(out)
            return out.flatten(1)[:, :2]

    def test_shapes(self):
        x = torch.ones(2, 5)
        self.assert_stops("other than 4 axes", self.Function(((2, 5, 3), (2, 5, 3))), x)
        self.assert_stops("no multiple of the samples", self.Function(((3, 1, 5, 3), (3, 1, 5, 3))), x)
        two = (((2, 1, 5, 3),) * 2, ((2, 2, 5, 3),) * 2)
        self.assert_stops("attention layers differ in shape", self.Function(*two), x)

    def test_masks(self):
        bad = torch.full((5, 5), float("nan"))
        self.assert_stops("holds nan or +inf", self.Function(((2, 1, 5, 3),) * 2, attn_mask=bad), torch.ones(2, 5))

    def test_a_wrong_function_is_found_by_recomputing(self):
        def wrong(query, key, value, **_):
            return value * 1.01

        with mock.patch.object(functional, "scaled_dot_product_attention", wrong, create=True):
            self.assert_stops("out differs from softmax", self.Function(((2, 1, 5, 3),) * 2), torch.ones(2, 5))


class Architectures(Refusals):
    """Networks that a closed loop cannot express."""

    def test_by_the_names_of_their_parts(self):
        for what, name in (("relative position bias", "relative_position_bias_table"), ("ALiBi", "alibi"),
                           ("mixture of experts", "experts"), ("cross-attention", "cross_attn"),
                           ("state-space or recurrent layers", "mamba")):
            model = models.randomise(models.VisionTransformer())
            model.add_module(name, nn.Linear(2, 2))
            self.assert_open(what, model, models.images())

    def test_parallel_blocks(self):
        model = models.randomise(models.VisionTransformer())
        model.blocks[1].__class__ = type("ParallelBlock", (type(model.blocks[1]),), {})
        self.assert_open("parallel blocks", model, models.images())
        model = models.randomise(models.Gpt())
        model.config = types.SimpleNamespace(use_parallel_residual=True)
        with self.assertRaisesRegex(Refused, "parallel blocks"):
            families.plan_of(model)

    def test_parts_of_known_layouts(self):
        for what, change in (("a norm after pooling", lambda m: setattr(m, "fc_norm", nn.LayerNorm(24))),
                             ("two heads", lambda m: setattr(m, "head_dist", nn.Linear(24, 5))),
                             ("patches that overlap", lambda m: setattr(m.patch_embed.proj, "stride", (2, 2))),
                             ("no classification head", lambda m: setattr(m, "head", nn.Identity())),
                             ("norms of one network differ", lambda m: setattr(m.blocks[0].norm2, "eps", 1e-3)),
                             ("an activation that the trace", lambda m: setattr(m.blocks[0].mlp, "act", nn.Tanh())),
                             ("a block of another kind", lambda m: delattr(m.blocks[1], "norm2")),
                             ("no dataset of the trace format holds", lambda m: setattr(m, "extra", nn.Linear(2, 2)))):
            model = models.randomise(models.VisionTransformer())
            change(model)
            with self.assertRaises(Refused) as caught:
                families.plan_of(model)
            self.assertIn(what, str(caught.exception))

    def test_an_unknown_layout(self):
        class Plain(nn.Module):
            def __init__(self):
                super().__init__()
                self.attn = nn.MultiheadAttention(4, 2, batch_first=True)

            def forward(self, x):
                return self.attn(x, x, x)[0][:, 0]

        self.assert_open("no table recognises this model", models.randomise(Plain()), torch.ones(2, 3, 4))

    def test_rotary_frequencies_and_encoders(self):
        model = models.Llama()
        model.model.rotary_emb.inv_freq[1] *= 2
        with self.assertRaisesRegex(Refused, "scaled rotary frequencies"):
            families.plan_of(model)
        model = models.Llama()
        del model.model.layers[1].mlp.gate_proj
        with self.assertRaisesRegex(Refused, "a layer of another kind"):
            families.plan_of(model)
        model = models.Encoder()
        model.encoder.norm = nn.LayerNorm(24)
        with self.assertRaisesRegex(Refused, "a final norm behind post-norm layers"):
            families.plan_of(model)
        model = models.Encoder()
        model.other = nn.Linear(24, 4)
        with self.assertRaisesRegex(Refused, "two candidates for head_w"):
            families.plan_of(model)
        families.plan_of(models.Encoder(pooler=False), {"head_w": "head.weight"})

    def test_a_network_that_computes_something_else(self):
        class Twice(models.Gpt):
            def forward(self, input_ids):
                return {"logits": 1.01 * super().forward(input_ids)["logits"]}

        model, ids = models.randomise(Twice()), models.tokens(2, 9, 43)
        self.assert_open("does not give the model's logits", model, ids)
        model = models.randomise(models.Gpt())
        model.transformer.h[1].attn.c_attn.register_forward_hook(lambda m, args, out: out * 1.1)
        self.assert_open("first in layer 1, q", model, ids)

    def test_a_later_batch_that_differs(self):
        class Moody(models.Gpt):
            """Another network for short inputs."""

            def forward(self, input_ids):
                return {"logits": super().forward(input_ids)["logits"] * (1.0 if input_ids.shape[1] > 5 else 1.1)}

        batches = [models.tokens(2, 9, 43), models.tokens(2, 4, 43)]
        self.assert_stops("the network in the file does not give", models.randomise(Moody()), batches)

    def test_what_only_the_calls_show(self):
        class Model(models.Gpt):
            """A GPT whose product gets other arguments."""

            def __init__(self, **fixed):
                super().__init__()
                self.fixed = fixed

            def forward(self, input_ids):
                held = functional.scaled_dot_product_attention

                def changed(q, k, v, **given):
                    return held(q, k, v, **{**given, **self.fixed})

                with mock.patch.object(functional, "scaled_dot_product_attention", changed):
                    return super().forward(input_ids)

        for text, fixed in (("a scale of its own", {"scale": 0.3}), ("causality differs", {"is_causal": False}),
                            ("an additive bias", {"is_causal": False, "attn_mask": torch.ones(9, 9).tril(-1)}),
                            ("a mask other than", {"is_causal": False, "attn_mask": torch.eye(9) > 0})):
            self.assert_open(text, models.randomise(Model(**fixed)), models.tokens(2, 9, 43))


if __name__ == "__main__":
    unittest.main()
