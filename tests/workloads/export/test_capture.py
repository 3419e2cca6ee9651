"""Four PyTorch models become closed-loop traces: layers verified, logits reproduced, nothing changed in the model."""

import unittest

import small
import numpy as np
import torch

import make_models
import text_models
import torch_models as models
from test_writer import InFolder
from attohm_export import capture
from attohm_export.reader import TraceReader, check_trace, content_matches

LOGITS = 1e-4     # largest |difference| of the NumPy forward pass and torch, relative where logits exceed 1
LAYERS = 1e-5     # recomputation error of float32 layers


class Closed(InFolder):
    """Capture, read back, run again."""

    def captured(self, model, inputs, **options):
        """A closed-loop trace at self.path. Returns: Captured."""
        with models.shim():
            return capture(model, inputs, self.path, log=make_models.quiet, **{"closed": True, **options})

    def check(self, model, inputs, wanted, real=None, **options):
        """The trace gives `wanted`, torch's logits. Args: real: bool [batch, N], rows that count. Returns: Captured."""
        result = self.captured(model, inputs, **options)
        self.assertTrue(result.closed)
        self.assertLess(check_trace(self.path), LAYERS)
        self.assertTrue(content_matches(self.path))
        with TraceReader(self.path) as trace:
            network = trace.network()
            for number, name in enumerate(trace.names()):
                attrs, tensors, layers = trace.sample(name)
                feed = {key: tensors[key][None] for key in ("patches", "tokens", "segments", "x0") if key in tensors}
                if "valid_len" in attrs:
                    feed["valid_len"] = [attrs["valid_len"]]
                got = network.run(feed, capture=True)
                rows = slice(None) if real is None else np.flatnonzero(real[number])
                size = max(1.0, np.abs(wanted[number]).max())
                for logits in (tensors["logits"][None], got.logits):
                    np.testing.assert_allclose(logits[0][rows] / size, wanted[number][rows] / size, atol=LOGITS, rtol=0)
                self.assertEqual(len(layers), len(got.layers))
                for (_, arrays), ours in zip(layers, got.layers):
                    keep = slice(attrs.get("valid_len"))
                    for key in ("q", "k", "v", "out"):
                        np.testing.assert_allclose(arrays[key][:, keep], ours[key][0][:, keep], atol=LOGITS)
        return result

    @staticmethod
    def logits(model, *inputs, **named):
        """What torch answers."""
        with torch.no_grad(), models.shim():
            answer = model(*inputs, **named)
        answer = getattr(answer, "logits", answer)
        return (answer["logits"] if isinstance(answer, dict) else answer).numpy()


class Vit(Closed):
    def test_every_variant_of_the_layout(self):
        images = models.images()
        for change in ({}, {"qk_norm": True, "layer_scale": True}, {"registers": 2}, {"no_embed_class": True},
                       {"registers": 1, "no_embed_class": True}, {"global_pool": "avg"}):
            with self.subTest(**change):
                model = models.randomise(models.VisionTransformer(**change))
                result = self.check(model, images, self.logits(model, images), labels=[0, 1, 2])
                self.assertNotIn("LEFT OVER", result.mapping)
                with TraceReader(self.path) as trace:
                    self.assertEqual((trace.model["family"], trace.model["prefix_tokens"]),
                                     ("vit", 1 + change.get("registers", 0)))
                    self.assertEqual((trace.model["grid_h"], trace.model["grid_w"], trace.model["task"]),
                                     (3, 3, "classify"))
                    self.assertIn("timm", trace.root["capture_method"])

    def test_a_norm_behind_the_embedding_is_stored_as_x0(self):
        model = models.VisionTransformer()
        model.norm_pre = torch.nn.LayerNorm(24)
        models.randomise(model)
        images = models.images()
        self.check(model, images, self.logits(model, images), labels="model")
        with TraceReader(self.path) as trace:
            _, tensors, _ = trace.sample("/samples/000000")
            self.assertEqual(tensors["x0"].shape, (10, 24))
            self.assertNotIn("patches", tensors)

    def test_torchvision_names(self):
        model = models.randomise(models.TorchvisionVit())
        images = models.images()
        result = self.check(model, images, self.logits(model, images), labels=[0, 1, 2])
        self.assertIn("encoder.layers.encoder_layer_1.self_attention.in_proj_weight, third 3", result.mapping)

    def test_the_model_comes_back_as_it_was(self):
        model = models.randomise(models.VisionTransformer()).train()
        model.blocks[1].eval()
        before = {name: module.training for name, module in model.named_modules()}
        self.captured(model, models.images(), labels="model")
        self.assertEqual({name: module.training for name, module in model.named_modules()}, before)
        for block in model.blocks:
            self.assertTrue(block.attn.fused_attn)
            self.assertNotIn("forward", vars(block.attn))
        self.assertEqual([len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules() if
                          m._forward_hooks or m._forward_pre_hooks], [])


class Encoder(Closed):
    def feed(self, lengths=make_models.LENGTHS):
        segments = (torch.arange(16) > 6).long().expand(3, -1).contiguous()
        return {"input_ids": models.tokens(3, 16, 37), "token_type_ids": segments,
                "padding": models.padding(lengths, 16)}

    def test_padding_norm_position_and_pooling(self):
        for change in ({}, {"norm_first": True}, {"pooler": False}, {"activation": "relu"}):
            with self.subTest(**change):
                model = models.randomise(models.Encoder(**change))
                self.check(model, self.feed(), self.logits(model, **self.feed()), labels=[1, 0, 3])
                with TraceReader(self.path) as trace:
                    lengths = [trace.sample(name)[0].get("valid_len") for name in trace.names()]
                    self.assertEqual(lengths, [None, 11, 5])
                    self.assertEqual(trace.net["norm_position"], "pre" if change.get("norm_first") else "post")
                    self.assertEqual(trace.model["pool"], "first" if change.get("pooler") is False else "pooler")
                    self.assertEqual((trace.model["family"], trace.model["causal"]), ("bert", 0))
                    self.assertNotIn("mask", trace.sample("/samples/000001")[2][0][1])

    def test_hugging_face_names(self):
        model = models.randomise(models.Bert())
        feed = {"input_ids": models.tokens(3, 16, 37), "token_type_ids": models.tokens(3, 16, 2),
                "attention_mask": (~models.padding(make_models.LENGTHS, 16)).long()}
        result = self.check(model, feed, self.logits(model, **feed), labels=[1, 0, 3])
        self.assertIn("bert.encoder.layer.1.attention.self.key.weight", result.mapping)
        self.assertIn("counts 0, 1", result.mapping)


class Llama(Closed):
    def test_grouped_queries_rotary_embedding_and_padding(self):
        ids = models.tokens(3, 16, 41)
        mask = ~models.padding(make_models.LENGTHS, 16)
        for change in ({}, {"qk_norm": True, "theta": 500000.0}, {"style": "gqa"}, {"kv_heads": 1}, {"kv_heads": 4}):
            for feed in ({"input_ids": ids}, {"input_ids": ids, "attention_mask": mask.long()}):
                if change.get("style") and len(feed) > 1:
                    continue
                with self.subTest(**change, padded=len(feed) > 1):
                    model = models.randomise(models.Llama(**change))
                    real = mask.numpy() if len(feed) > 1 else None
                    self.check(model, feed, self.logits(model, **feed), real)
                    with TraceReader(self.path) as trace:
                        self.assertEqual(trace.model["kv_heads"], change.get("kv_heads", 2))
                        self.assertAlmostEqual(trace.net["rope_theta"], change.get("theta", 10000.0), 2)
                        attrs, tensors, layers = trace.sample("/samples/000001")
                        self.assertEqual((attrs.get("valid_len"), layers[0][0]["causal"]),
                                         (11 if len(feed) > 1 else None, 1))
                        self.assertNotIn("mask", layers[0][1])
                        end = 11 if len(feed) > 1 else 16
                        np.testing.assert_array_equal(tensors["targets"][:end - 1], ids[1, 1:end].numpy())
                        self.assertTrue((tensors["targets"][end - 1:] == -1).all())

    def test_interleaved_pairs_are_told_by_the_logits(self):
        model = models.randomise(models.Llama())
        ids = models.tokens(2, 9, 41)
        half = text_models.turn
        text_models.turn = text_models.turn_interleaved
        try:
            self.check(model, ids, self.logits(model, ids))
        finally:
            text_models.turn = half
        with TraceReader(self.path) as trace:
            self.assertEqual(trace.net["rope_style"], "interleaved")

    def test_left_padding_is_a_mask_and_no_closed_loop(self):
        mask = torch.ones(2, 9).long()
        mask[1, :3] = 0
        feed = {"input_ids": models.tokens(2, 9, 41), "attention_mask": mask}
        model = models.randomise(models.Llama())
        result = self.captured(model, feed, closed="auto")
        self.assertIn("a mask other than causal and right padding", result.refused)
        self.assertLess(check_trace(self.path), LAYERS)
        with TraceReader(self.path) as trace:
            self.assertIsNone(trace.net)
            attrs, _, layers = trace.sample("/samples/000001")
            self.assertNotIn("valid_len", attrs)
            wanted = np.tril(np.ones((9, 9))) * mask[1].numpy()
            np.testing.assert_array_equal(layers[0][1]["mask"], wanted[None])
            np.testing.assert_array_equal(layers[0][1]["out"][:, :3], 0)
        self.assertTrue(any("rows that may see no key" in note for note in result.notes))


class Gpt(Closed):
    def test_transposed_weights_positions_and_tied_head(self):
        for tied in (True, False):
            model, ids = models.randomise(models.Gpt(tied=tied)), models.tokens(3, 17, 43)
            result = self.check(model, ids, self.logits(model, ids))
            self.assertEqual("tied to token_embedding" in result.mapping, tied)
            with TraceReader(self.path) as trace:
                self.assertEqual((trace.model["family"], trace.model["task"], trace.net["tied_head"]),
                                 ("gpt", "next-token", int(tied)))
                self.assertEqual(trace.net["activation"], "gelu_tanh")

    def test_batches_calibration_half_and_few_layers(self):
        model = models.randomise(models.Gpt())
        batches = [models.tokens(2, 17, 43), models.tokens(3, 9, 43, seed=5)]
        result = self.captured(model, batches, calibration=models.tokens(2, 5, 43, seed=6), half=True, keep_layers=1)
        self.assertEqual((result.samples, result.layers), (5, 2))
        self.assertLess(check_trace(self.path), 1e-2)
        with TraceReader(self.path) as trace:
            self.assertEqual((len(trace.names()), len(trace.names("calibration"))), (5, 2))
            self.assertEqual([len(trace.sample(name)[2]) for name in trace.names()], [2, 0, 0, 0, 0])
            self.assertEqual(trace.sample("/samples/000000")[2][0][1]["q"].dtype, np.float16)
            self.assertEqual(trace.sample("/samples/000003")[1]["tokens"].tolist(), batches[1][1].tolist())

    def test_given_lengths_and_targets(self):
        model, ids = models.randomise(models.Gpt()), models.tokens(2, 7, 43)
        targets = np.full((2, 7), -1)
        targets[:, 2] = 5
        self.captured(model, ids, valid_len=[7, 4], targets=targets)
        with TraceReader(self.path) as trace:
            attrs, tensors, layers = trace.sample("/samples/000001")
            self.assertEqual((attrs["valid_len"], layers[1][0]["causal"]), (4, 1))
            np.testing.assert_array_equal(tensors["targets"], targets[1])


class Files(InFolder):
    def test_the_five_files_are_always_the_same(self):
        first = make_models.make(self.folder / "a")
        make_models.make(self.folder / "b")
        for name, result in first.items():
            self.assertTrue(result.closed)
            self.assertEqual((self.folder / "a" / f"{name}.h5").read_bytes(),
                             (self.folder / "b" / f"{name}.h5").read_bytes())
            self.assertLess(result.path.stat().st_size, 1 << 20)


if __name__ == "__main__":
    unittest.main()
