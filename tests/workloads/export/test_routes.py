"""Each route against a product written out here: masks of every kind, scales, shared keys, names of layers."""

import sys
import types
import unittest

import small
import numpy as np
import torch
from torch import nn
from torch.nn import functional

import make_models
import torch_models as models
from stand_in import sdpa
from test_writer import InFolder
from attohm_export import capture
from attohm_export.adapters import routes
from attohm_export.adapters.torch_run import Runner
from attohm_export.errors import CaptureError
from attohm_export.reader import TraceReader, check_trace

B, H, N, D = 2, 4, 6, 3


def draw(*shape, seed=0):
    """Random, always the same."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lower(rows=N, cols=N):
    """True at and below the diagonal."""
    return torch.ones(rows, cols, dtype=torch.bool).tril()


class Calls(nn.Module):
    """A child module that calls `function(q, k, v)` once."""

    def __init__(self, function):
        super().__init__()
        self.child = nn.Module()
        self.child.forward = lambda q, k, v: function(q, k, v)

    def forward(self, q, k, v):
        return self.child(q, k, v).flatten(1)[:, :4]


class Routes(InFolder):
    def layer_of(self, model, inputs, sample=1, **options):
        """Captures and checks. Returns: attributes, tensors of the only layer, attributes of the sample."""
        with models.shim():
            result = capture(model, inputs, self.path, log=make_models.quiet, closed=False, **options)
        self.assertEqual(result.layers, 1)
        self.assertLess(check_trace(self.path), 1e-5)
        with TraceReader(self.path) as trace:
            attrs, _, layers = trace.sample(f"/samples/{sample:06d}")
            self.model = trace.model
            return *layers[0], attrs


class Function(Routes):
    """scaled_dot_product_attention."""

    def run_with(self, heads=H, keys=N, **arguments):
        q, k, v = draw(B, H, N, D), draw(B, heads, keys, D, seed=1), draw(B, heads, keys, D, seed=2)
        model = Calls(lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, **arguments))
        return (q, k, v), self.layer_of(model, (q, k, v))

    def test_plain_scaled_and_named(self):
        (q, _, _), (attrs, tensors, _) = self.run_with()
        self.assertEqual((attrs["name"], attrs["causal"]), ("child", 0))
        self.assertAlmostEqual(attrs["scale"], D ** -0.5)
        np.testing.assert_array_equal(tensors["q"], q[1].numpy())
        self.assertEqual(sorted(tensors), ["k", "out", "q", "v"])
        _, (attrs, _, _) = self.run_with(scale=0.7)
        self.assertEqual(attrs["scale"], 0.7)

    def test_causal_by_flag_bool_and_additive_mask(self):
        additive = torch.zeros(N, N).masked_fill(~lower(), float("-inf"))
        for arguments in ({"is_causal": True}, {"attn_mask": lower()}, {"attn_mask": additive},
                          {"attn_mask": lower().expand(B, 1, N, N)}, {"attn_mask": additive.clamp(min=-3e38)}):
            _, (attrs, tensors, sample) = self.run_with(**arguments)
            self.assertEqual((attrs["causal"], "mask" in tensors, "bias" in tensors), (1, False, False))
            self.assertNotIn("valid_len", sample)
        self.assertEqual(self.model["causal"], 1)

    def test_more_keys_than_queries(self):
        offset = torch.ones(N, N + 2, dtype=torch.bool).tril(2)
        _, (attrs, tensors, _) = self.run_with(keys=N + 2, attn_mask=offset)
        self.assertEqual((attrs["n_q"], attrs["n_k"], attrs["causal"], "mask" in tensors), (N, N + 2, 1, False))
        # The function's own flag starts at the top left: in the format that is a mask.
        _, (attrs, tensors, _) = self.run_with(keys=N + 2, is_causal=True)
        np.testing.assert_array_equal(tensors["mask"][0], lower(N, N + 2).numpy())
        self.assertEqual(attrs["causal"], 0)

    def test_padding_on_the_right_and_other_masks(self):
        keys = torch.tensor([[True] * N, [True] * 4 + [False] * 2])[:, None, None, :]
        _, (attrs, tensors, sample) = self.run_with(attn_mask=keys)
        self.assertEqual((sample["valid_len"], attrs["causal"], "mask" in tensors), (4, 0, False))
        _, (attrs, tensors, sample) = self.run_with(attn_mask=keys & lower())
        self.assertEqual((sample["valid_len"], attrs["causal"], "mask" in tensors), (4, 1, False))
        holes = draw(B, H, N, N, seed=9) > -0.5
        holes[..., 0] = True
        _, (attrs, tensors, sample) = self.run_with(attn_mask=holes)
        np.testing.assert_array_equal(tensors["mask"], holes[1].numpy())
        self.assertNotIn("valid_len", sample)
        _, (_, tensors, _) = self.run_with(attn_mask=holes[:, :1].expand(B, H, N, N))
        self.assertEqual(tensors["mask"].shape, (1, N, N))

    def test_bias_with_and_without_forbidden_keys(self):
        bias = draw(1, H, N, N, seed=4)
        _, (_, tensors, _) = self.run_with(attn_mask=bias)
        np.testing.assert_array_equal(tensors["bias"], bias[0].numpy())
        _, (attrs, tensors, _) = self.run_with(attn_mask=bias.masked_fill(~lower(), float("-inf")))
        np.testing.assert_array_equal(tensors["bias"], bias[0].masked_fill(~lower(), 0).numpy())
        self.assertEqual(attrs["causal"], 1)

    def test_grouped_queries_given_and_repeated(self):
        (_, k, _), (_, tensors, _) = self.run_with(heads=2, enable_gqa=True)
        np.testing.assert_array_equal(tensors["k"], k[1].numpy())
        self.assertEqual((self.model["heads"], self.model["kv_heads"]), (4, 2))
        q, k, v = draw(B, H, N, D), draw(B, 2, N, D, seed=1), draw(B, 2, N, D, seed=2)
        model = Calls(lambda q, k, v: functional.scaled_dot_product_attention(
            q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)))
        _, tensors, _ = self.layer_of(model, (q, k, v))
        np.testing.assert_array_equal(tensors["v"], v[1].numpy())

    def test_windows_are_a_batch_of_their_own(self):
        q, k, v = (draw(B * 3, H, N, D, seed=s) for s in range(3))
        bias = draw(1, H, N, N, seed=3)

        class Windows(nn.Module):
            def forward(self, images):
                return functional.scaled_dot_product_attention(q, k, v, attn_mask=bias).flatten(1)[:B, :4]

        attrs, tensors, _ = self.layer_of(Windows(), draw(B, 3, 4, 4))
        self.assertEqual((attrs["windows"], tensors["q"].shape, tensors["bias"].shape), (3, (12, N, D), (12, N, N)))
        np.testing.assert_array_equal(tensors["q"], q.reshape(B, 3 * H, N, D)[1].numpy())
        np.testing.assert_array_equal(tensors["bias"][H:2 * H], bias[0].numpy())

    def test_names_bound_earlier_are_replaced_and_restored(self):
        module = types.ModuleType("bound_earlier")
        with models.shim():
            original = functional.scaled_dot_product_attention
            module.attend = original
            sys.modules["bound_earlier"] = module
            self.addCleanup(sys.modules.pop, "bound_earlier")
            inputs = tuple(draw(B, H, N, D, seed=s) for s in range(3))
            self.layer_of(Calls(lambda q, k, v: module.attend(q, k, v)), inputs)
            self.assertIs(module.attend, original)
            self.assertIs(functional.scaled_dot_product_attention, original)


class MultiheadAttention(Routes):
    """nn.MultiheadAttention."""

    def attention(self, **options):
        torch.manual_seed(3)
        module = nn.MultiheadAttention(12, H, **options)
        return models.randomise(module)

    def run_with(self, module, keys=N, **arguments):
        """One call of the module inside a model. Returns: as layer_of."""
        cross = keys != N or module.kdim != 12
        first = 0 if not module.batch_first else 1

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.attn = module

            def forward(self, x, memory):
                x, memory = (t if first else t.transpose(0, 1) for t in (x, memory))
                out = self.attn(x, memory if cross else x, memory if cross else x, **arguments)[0]
                return (out if first else out.transpose(0, 1)).flatten(1)[:, :4]

        return self.layer_of(Model(), (draw(B, N, 12), draw(B, keys, module.kdim, seed=1)))

    def exact(self, tensors, scale=D ** -0.5):
        """The plain product of what was stored."""
        q, k, v = (torch.tensor(tensors[name]) for name in "qkv")
        return sdpa(q, k, v, scale=scale).numpy()

    def test_layouts_and_biases(self):
        for options in ({}, {"batch_first": True}, {"bias": False}, {"kdim": 7, "vdim": 7, "batch_first": True}):
            attrs, tensors, _ = self.run_with(self.attention(**options))
            self.assertEqual((attrs["name"], attrs["causal"]), ("attn", 0))
            np.testing.assert_allclose(tensors["out"], self.exact(tensors), atol=1e-5)
        attrs, _, _ = self.run_with(self.attention(), keys=9)
        self.assertEqual((attrs["n_q"], attrs["n_k"]), (N, 9))

    def test_masks_mean_forbidden_here(self):
        forbidden = ~lower()
        pad = torch.tensor([[False] * N, [False] * 4 + [True] * 2])
        for module in (self.attention(), self.attention(batch_first=True)):
            attrs, _, _ = self.run_with(module, attn_mask=forbidden)
            self.assertEqual(attrs["causal"], 1)
            attrs, tensors, sample = self.run_with(module, key_padding_mask=pad, need_weights=False)
            self.assertEqual((sample["valid_len"], "mask" in tensors), (4, False))
            attrs, tensors, sample = self.run_with(module, key_padding_mask=pad, attn_mask=forbidden)
            self.assertEqual((sample["valid_len"], attrs["causal"]), (4, 1))
            bias = draw(B * H, N, N, seed=5)
            _, tensors, _ = self.run_with(module, attn_mask=bias, average_attn_weights=False)
            np.testing.assert_array_equal(tensors["bias"], bias[H:].numpy())

    def test_extra_keys_are_refused(self):
        for options in ({"add_bias_kv": True}, {"add_zero_attn": True}):
            with self.assertRaisesRegex(CaptureError, "keys that belong to no token"):
                self.run_with(self.attention(**options))

    def test_the_fused_encoder_path_is_off_only_meanwhile(self):
        layer = nn.TransformerEncoderLayer(12, H, 24, batch_first=True, dropout=0.5)
        model = models.randomise(nn.TransformerEncoder(layer, 1))
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        x, calls = draw(B, N, 12), []
        handle = model.layers[0].self_attn.register_forward_hook(lambda *a: calls.append(1))
        original = nn.MultiheadAttention.forward
        wanted = model(x)
        self.assertEqual(calls, [])
        run = Runner(model).run(x)
        handle.remove()
        self.assertEqual((len(run.calls), calls), (1, [1]))
        self.assertIs(nn.MultiheadAttention.forward, original)
        self.assertFalse(model.layers[0].training)
        np.testing.assert_allclose(run.logits, wanted.numpy(), atol=1e-5)


class Timm(Routes):
    def test_masks_and_flag(self):
        module = models.randomise(vision().blocks[0].attn)

        class Model(nn.Module):
            def __init__(self, **arguments):
                super().__init__()
                self.attn, self.arguments = module, arguments

            def forward(self, x):
                return self.attn(x, **self.arguments).flatten(1)[:, :4]

        attrs, tensors, _ = self.layer_of(Model(attn_mask=lower()), draw(B, N, 24))
        self.assertEqual((attrs["causal"], attrs["name"]), (1, "attn"))
        q = module.qkv(draw(B, N, 24)).reshape(B, N, 3, 3, 8)[1, :, 0].transpose(0, 1)
        np.testing.assert_allclose(tensors["q"], q.detach().numpy(), atol=1e-6)
        self.assertTrue(module.fused_attn)

    def test_modules_that_turn_queries_are_left_to_the_function(self):
        class Turning(type(vision().blocks[0].attn)):
            def forward(self, x, rope=None):
                return super().forward(x)

        model = nn.Sequential(Turning(24, 3))
        self.assertFalse(routes.route_timm.applies(model))


class HuggingFace(Routes):
    """The two interfaces, with a stand-in for transformers; the library itself is not available."""

    def setUp(self):
        super().setUp()
        self.stand_in = stand_in_for_transformers()
        for name, module in self.stand_in.items():
            sys.modules[name] = module
            self.addCleanup(sys.modules.pop, name)

    def test_mask_and_shared_keys_arrive(self):
        model = hugging_face_model(self.stand_in["transformers"])
        attrs, tensors, sample = self.layer_of(model, {"hidden": draw(B, N, 12), "lengths": torch.tensor([6, 4])})
        self.assertEqual((attrs["name"], attrs["causal"], sample["valid_len"]), ("attn", 1, 4))
        self.assertEqual((tensors["q"].shape, tensors["k"].shape), ((4, N, 3), (2, N, 3)))
        self.assertAlmostEqual(attrs["scale"], 0.5)
        self.assertEqual(model.config._attn_implementation, "eager")

    def test_terms_that_the_format_lacks(self):
        model = hugging_face_model(self.stand_in["transformers"], softcap=30.0)
        with self.assertRaisesRegex(CaptureError, "softcap"):
            self.layer_of(model, {"hidden": draw(B, N, 12), "lengths": torch.tensor([6, 6])})
        self.assertEqual(model.config._attn_implementation, "eager")

    def test_the_route_says_that_it_is_untested(self):
        lines = []
        with models.shim():
            capture(hugging_face_model(self.stand_in["transformers"]),
                    {"hidden": draw(B, N, 12), "lengths": torch.tensor([6, 6])}, self.path, log=lines.append)
        self.assertTrue(any("route huggingface: untested here" in line for line in lines))


def vision():
    """A model with timm's attention layout."""
    return models.VisionTransformer()


def stand_in_for_transformers():
    """As much of the library as its documentation says the route relies on."""
    library, masking = types.ModuleType("transformers"), types.ModuleType("transformers.masking_utils")

    class Registry(dict):
        def register(self, name, function):
            self[name] = function

    class PreTrainedModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.config = types.SimpleNamespace(_attn_implementation="eager")

        def set_attn_implementation(self, name):
            self.config._attn_implementation = name

    def sdpa_mask(lengths, n, allow_is_causal_skip=True):
        if allow_is_causal_skip and (lengths == n).all():
            return None
        return lower(n, n) & (torch.arange(n)[None, :] < lengths[:, None])[:, None, None, :]

    library.AttentionInterface, library.AttentionMaskInterface = Registry(), Registry()
    library.PreTrainedModel, library.masking_utils, masking.sdpa_mask = PreTrainedModel, masking, sdpa_mask
    return {"transformers": library, "transformers.masking_utils": masking}


def hugging_face_model(library, **terms):
    """One attention layer with grouped queries that asks the registry, as the library's models do."""
    class Model(library.PreTrainedModel):
        def __init__(self):
            super().__init__()
            self.attn = nn.Module()
            self.attn.is_causal = True

        def forward(self, hidden, lengths):
            q = hidden.view(B, N, 4, 3).transpose(1, 2)
            k = hidden[..., :6].reshape(B, N, 2, 3).transpose(1, 2)
            name = self.config._attn_implementation
            mask = library.AttentionMaskInterface[name](lengths, N)
            out, _ = library.AttentionInterface[name](self.attn, q, k, k + 1, mask, dropout=0.0, scaling=0.5, **terms)
            return out.flatten(1)[:, :4]
    return Model()


class Table(unittest.TestCase):
    def test_every_route_is_listed_with_its_state(self):
        table = routes.table()
        for route in routes.ROUTES:
            self.assertIn(route.name, table)
        self.assertEqual(table.count("untested here: "), 3 if torch.__version__.startswith("1.13") else 4)
        self.assertIn("nn.MultiheadAttention, fused encoder path off\n             tested", table)


if __name__ == "__main__":
    unittest.main()
