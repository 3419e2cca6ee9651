"""The trace writer: what it wrote comes back, and what is wrong is refused."""

import hashlib
import tempfile
import unittest
from pathlib import Path

import small
import h5py
import numpy as np

from attohm_export import hdf5
from attohm_export.recompute import recompute_error
from attohm_export.reader import TraceReader, check_trace, content_matches
from attohm_export.schema import TraceError


class InFolder(unittest.TestCase):
    """Each test has its own folder and file name."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.path = Path(folder.name), Path(folder.name) / "t.h5"

    def assert_refused(self, text, action):
        """`action(trace)` raises TraceError with `text`, and no file stays."""
        with self.assertRaises(TraceError) as caught:
            with small.writer(self.path) as trace:
                trace.model(**small.MODEL)
                action(trace)
        self.assertIn(text, str(caught.exception))
        self.assertEqual(list(self.folder.iterdir()), [])


class RoundTrip(InFolder):
    def test_everything_comes_back(self):
        vit = small.write_tiny(self.path)
        self.assertLess(check_trace(self.path), 1e-5)
        with TraceReader(self.path) as trace:
            self.assertEqual(trace.model, small.MODEL)
            self.assertEqual(trace.net, small.NET)
            np.testing.assert_array_equal(trace.thresholds, np.float32([0.1, -0.2]))
            for name, value in trace.vit().weights["layer_01"].items():
                np.testing.assert_array_equal(value, vit.weights["layer_01"][name])
            self.assertEqual(trace.names(), ["/samples/000000", "/samples/000001"])
            self.assertEqual(trace.names("calibration"), ["/calibration/000000"])
            attrs, tensors, layers = trace.sample("/samples/000001")
            self.assertEqual(attrs, small.attrs_of(1))
            np.testing.assert_array_equal(tensors["patches"], small.tiny_patches()[1])
            for (attrs, arrays), (_, wanted) in zip(layers, small.layers_of(vit, small.tiny_patches()[1])):
                self.assertEqual((attrs["kind"], attrs["q_prescaled"]), ("attention", 0))
                for name in ("q", "k", "v", "out"):
                    np.testing.assert_array_equal(arrays[name], wanted[name])

    def test_masks_and_learned_parameters_come_back(self):
        attend = np.random.default_rng(3).integers(0, 2, (2, 2, small.TOKENS, small.TOKENS)).astype(np.uint8)
        learned = {"layer_00": {"a": np.float32([[1, 2]])}, "layer_01": {"a": np.float32([[3, 4]])}}
        vit = small.tiny_vit()
        with small.writer(self.path) as trace:
            trace.model(**small.MODEL)
            trace.weights(small.NET, vit.weights)
            trace.masks("fixed", attend)
            trace.extra("mine", learned)
            trace.add_sample(small.attrs_of(0), {"patches": small.tiny_patches()[0]})
        check_trace(self.path)
        with TraceReader(self.path) as trace:
            np.testing.assert_array_equal(trace.file["model/masks/fixed"], attend)
            np.testing.assert_array_equal(trace.extra("mine")["layer_01"]["a"], learned["layer_01"]["a"])
            self.assertEqual(set(trace.weights()), set(vit.weights))
            self.assertEqual(set(trace.vit().weights), set(vit.weights))

    def test_root_attributes_and_types_as_plain_hdf5(self):
        small.write_tiny(self.path)
        with h5py.File(self.path, "r") as file:
            self.assertEqual(file.attrs["format"], b"attohm-trace")
            self.assertEqual(file.attrs["schema_version"], b"1.0.0")
            self.assertEqual(file.attrs["complete"].dtype, np.uint8)
            kind = file.attrs.get_id("format").dtype
            self.assertEqual(h5py.check_string_dtype(kind).encoding, "utf-8")
            self.assertEqual(file["samples/000000"].attrs["label"].dtype, np.int64)
            self.assertEqual(file["model/weights/layer_00/wq"].dtype, np.dtype("<f4"))

    def test_same_input_gives_the_same_bytes(self):
        digests = []
        for name in ("a.h5", "b.h5"):
            small.write_tiny(self.folder / name)
            digests.append(hashlib.sha256((self.folder / name).read_bytes()).hexdigest())
        self.assertEqual(*digests)

    def test_content_hash_sees_every_value(self):
        small.write_tiny(self.path)
        self.assertTrue(content_matches(self.path))
        with h5py.File(self.path, "r+") as file:
            file["samples/000000"].attrs["label"] = np.int64(2)
        self.assertFalse(content_matches(self.path))

    def test_half_precision_has_the_wider_tolerance(self):
        small.write_tiny(self.path, np.float16)
        self.assertLess(check_trace(self.path), 1e-2)


class Layout(unittest.TestCase):
    def test_chunks_are_whole_planes_up_to_a_mebibyte(self):
        self.assertEqual(hdf5.chunk_shape((2, 65, 64), 2), (2, 65, 64))
        self.assertEqual(hdf5.chunk_shape((12, 197, 64), 4), (12, 197, 64))
        self.assertEqual(hdf5.chunk_shape((64, 4096, 64), 2), (2, 4096, 64))
        self.assertEqual(hdf5.chunk_shape((4, 4096, 4096), 4), (1, 64, 4096))

    def test_small_is_contiguous_large_is_checksummed(self):
        with tempfile.TemporaryDirectory() as folder, hdf5.create_file(Path(folder) / "l.h5") as file:
            few = hdf5.write_tensor(file, "few", np.zeros(10, np.float32))
            many = hdf5.write_tensor(file, "many", np.zeros((2, 65, 64), np.float16))
            self.assertIsNone(few.chunks)
            self.assertTrue(many.fletcher32)
            self.assertIsNone(many.compression)


class Refusals(InFolder):
    def layers(self, dtype=np.float32):
        return small.layers_of(small.tiny_vit(), small.tiny_patches()[0], dtype)

    def add(self, layers):
        return lambda trace: trace.add_sample(small.attrs_of(0), {}, layers)

    def test_out_that_does_not_follow(self):
        """Both sides of the limit: 1e-3 of max|out| for float32."""
        for factor, good in ((0.9e-3, True), (1.1e-3, False)):
            layers = self.layers()
            out = layers[1][1]["out"]
            peak = np.unravel_index(np.abs(out[0]).argmax(), out[0].shape)
            out[0][peak] *= 1 - factor
            if good:
                with small.writer(self.path) as trace:
                    trace.model(**small.MODEL)
                    self.add(layers)(trace)
                self.path.unlink()
            else:
                self.assert_refused("layers/01: out differs", self.add(layers))

    def test_prescaled_queries(self):
        layers = self.layers()
        layers[0][1]["q"] *= np.float32(0.5)
        self.assert_refused("layers/00: out differs", self.add(layers))

    def test_threshold_count(self):
        self.assert_refused("/model/thresholds/learned: shape (3,)", lambda t: t.thresholds([0, 0, 0]))
        self.assert_refused("/model/thresholds/learned: shape (1, 2)", lambda t: t.thresholds([[0, 0]]))
        self.assert_refused("not finite", lambda t: t.thresholds([0, np.nan]))

    def test_masks(self):
        ones = np.ones((2, 2, 5, 5), np.uint8)
        self.assert_refused("/model/masks/m: uint8 (1, 2, 5, 5)", lambda t: t.masks("m", ones[:1]))
        self.assert_refused("/model/masks/m: float64", lambda t: t.masks("m", ones.astype(float)))
        self.assert_refused("wanted uint8 0 or 1", lambda t: t.masks("m", 2 * ones))

    def test_learned_parameters(self):
        def add(trace):
            trace.weights(small.NET, small.tiny_vit().weights)
            trace.extra("mine", {"layer_00": {"a": np.float32([np.inf])}})

        self.assert_refused("/model/weights/extra/mine/layer_00: a holds a value that is not finite", add)

    def test_weights(self):
        good = small.tiny_vit().weights
        transposed = {**good, "layer_00": {**good["layer_00"], "w_down": good["layer_00"]["w_down"].T.copy()}}
        self.assert_refused("w_down has shape (16, 8)", lambda t: t.weights(small.NET, transposed))
        missing = {name: value for name, value in good.items() if name != "layer_01"}
        self.assert_refused("layer groups", lambda t: t.weights(small.NET, missing))
        self.assert_refused("activation is 'swish'", lambda t: t.weights({**small.NET, "activation": "swish"}, good))
        double = {**good, "head_b": good["head_b"].astype(np.float64)}
        self.assert_refused("head_b is float64", lambda t: t.weights(small.NET, double))

    def test_samples(self):
        patches = small.tiny_patches()[0]
        add = small.attrs_of(0)
        self.assert_refused("label is 3", lambda t: t.add_sample({**add, "label": 3}, {"patches": patches}))
        self.assert_refused("patches has shape", lambda t: t.add_sample(add, {"patches": patches[:3]}))
        self.assert_refused("patches is float16", lambda t: t.add_sample(add, {"patches": patches.astype("f2")}))
        self.assert_refused("unknown tensor pixels", lambda t: t.add_sample(add, {"pixels": patches}))
        layers = self.layers()
        self.assert_refused("3 attention layers", self.add(layers + layers[:1]))

    def test_a_failure_leaves_the_older_file(self):
        small.write_tiny(self.path)
        before = self.path.read_bytes()
        with self.assertRaises(KeyError):
            with small.writer(self.path) as trace:
                trace.model(**small.MODEL)
                raise KeyError
        self.assertEqual(self.path.read_bytes(), before)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["t.h5"])

    def test_a_file_without_a_model(self):
        with self.assertRaisesRegex(TraceError, "comes first"):
            with small.writer(self.path):
                pass
        self.assertFalse(self.path.exists())

    def test_a_truncated_capture_is_not_read(self):
        small.write_tiny(self.path)
        with h5py.File(self.path, "r+") as file:
            del file.attrs["complete"]
        with self.assertRaisesRegex(TraceError, "truncated"):
            check_trace(self.path)


class Recompute(unittest.TestCase):
    """The semantics of `out`, on numbers small enough to know."""

    def error(self, out, **changes):
        tensors = {"q": np.zeros((2, 2, 1)), "k": np.zeros((1, 2, 1)), "v": np.float64([[[1], [3]]]),
                   "out": np.float64(out), **{k: v for k, v in changes.items() if k in ("bias", "mask")}}
        attrs = {"n_q": 2, "n_k": 2, "scale": 1.0, "causal": changes.get("causal", 0)}
        return recompute_error(attrs, tensors, changes.get("valid_len"))

    def test_shared_keys_causal_mask_and_padding(self):
        self.assertEqual(self.error([[[2], [2]]] * 2), 0)
        self.assertEqual(self.error([[[1], [2]]] * 2, causal=1), 0)
        self.assertEqual(self.error([[[1], [99]]] * 2, valid_len=1), 0)
        mask = np.uint8([[[0, 1], [0, 0]]])
        self.assertEqual(self.error([[[3], [0]]] * 2, mask=mask), 0)
        bias = np.float64([[[0, np.log(3)], [0, 0]]])
        self.assertAlmostEqual(self.error([[[2.5], [2]]] * 2, bias=bias), 0, 12)
        self.assertEqual(self.error([[[0], [0]]] * 2), np.inf)


if __name__ == "__main__":
    unittest.main()
