"""The committed character GPT: the format, golden logits, the losses of its report, its yardstick."""

import importlib.util
import json
import unittest

import small
import h5py
import numpy as np

from attohm_export.reader import TraceReader, check_trace, content_matches

FOLDER = small.ROOT / "workloads" / "zoo" / "char_gpt"
TRACE = FOLDER / "char_gpt.h5"
LOGIT_LIMIT = 1e-4


def script(name):
    """A module of the model's folder; the folders of the zoo share module names."""
    spec = importlib.util.spec_from_file_location(f"char_gpt_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def losses_of(logits, targets):
    """Cross entropy in nats of each character. Args: logits [N, classes], targets [N]."""
    peak = logits.max(axis=-1, keepdims=True)
    log_sum = np.log(np.exp(logits - peak).sum(axis=-1)) + peak[:, 0]
    return log_sum - logits[np.arange(len(targets)), targets]


class CharTrace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.report = json.loads((FOLDER / "report.json").read_text())
        cls.trace = TraceReader(TRACE)
        cls.names = cls.trace.names()
        cls.network = cls.trace.network()

    @classmethod
    def tearDownClass(cls):
        cls.trace.file.close()

    def test_obeys_the_format(self):
        self.assertLess(check_trace(TRACE), 1e-2)
        self.assertTrue(content_matches(TRACE))
        self.assertLessEqual(TRACE.stat().st_size, 6_000_000)
        model = self.trace.model
        self.assertGreaterEqual(self.trace.file["samples/000000/tokens"].shape[0], 384)
        self.assertEqual((model["family"], model["head_dim"], model["causal"]), ("gpt", 64, 1))
        self.assertGreaterEqual(min(model["heads"] - 1, model["layers"] - 3), 1)

    def test_weights_are_float32_of_float16_digits(self):
        up = self.network.weights["layer_00"]["w_up"]
        self.assertEqual(up.dtype, np.float32)
        np.testing.assert_array_equal(up, up.astype(np.float16).astype(np.float32))

    def test_golden_logits_and_pruning(self):
        golden = [name for name in self.names if "logits" in self.trace.file[name]]
        self.assertGreaterEqual(len(golden), 2)
        for name in golden:
            _, tensors, layers = self.trace.sample(name)
            tokens = tensors["tokens"][None]
            dense = self.network.run(tokens, capture=True)
            np.testing.assert_allclose(tensors["logits"], dense.logits[0], atol=LOGIT_LIMIT, rtol=0)
            pruned = self.network.run(tokens, self.trace.thresholds)
            np.testing.assert_allclose(tensors["logits_threshold"], pruned.logits[0], atol=LOGIT_LIMIT, rtol=0)
            for captured, (attrs, stored) in zip(dense.layers, layers):
                self.assertEqual((attrs["n_q"], attrs["causal"]), (len(tensors["tokens"]), 1))
                np.testing.assert_allclose(stored["q"], captured["q"][0], rtol=1e-3, atol=1e-3)
            kept = 1 - sum(c.kept for c in pruned.prune) / sum(c.valid for c in pruned.prune)
            self.assertAlmostEqual(kept, self.report["pruning"]["pruned"], delta=0.05)

    def test_losses_of_the_report(self):
        dense, right, count = 0.0, 0, 0
        for name in self.names:
            _, tensors, _ = self.trace.sample(name)
            logits, targets = self.network.run(tensors["tokens"][None]).logits[0], tensors["targets"]
            np.testing.assert_array_equal(targets[:-1], tensors["tokens"][1:])
            dense += losses_of(logits, targets).sum()
            right += int((logits.argmax(axis=-1) == targets).sum())
            count += len(targets)
        trace = self.report["trace"]
        self.assertEqual(count, trace["characters"])
        self.assertAlmostEqual(dense / count, trace["nats_per_character"]["dense"], 6)
        self.assertAlmostEqual(right / count, trace["top1"]["dense"], 12)

    def test_clearly_better_than_three_characters(self):
        report = self.report
        three = report["ngram_nats_per_character"]["3-gram"]
        for entry in ("dense", "hard_thresholds"):
            self.assertLess(report[entry]["nats_per_character"], three - 0.3)
        self.assertLess(report["hard_thresholds"]["nats_per_character"],
                        report["dense_before_fine_tuning"]["nats_per_character"] + 0.05)
        self.assertGreaterEqual(report["pruning"]["pruned"], 0.6)


class Yardstick(unittest.TestCase):
    """The n-gram model is a probability, and learns what can be learned."""

    def test_sums_to_one_for_seen_and_unseen_contexts(self):
        rng, symbols = np.random.default_rng(5), 6
        for order in (1, 2, 3, 5):
            model = script("ngram").KneserNey(rng.integers(0, symbols - 1, 400), order, symbols)
            for context in (rng.integers(0, symbols, order - 1), np.full(order - 1, symbols - 1)):
                texts = [np.append(context, symbol) for symbol in range(symbols)]
                total = sum(np.exp(model.log_probability(text))[0] for text in texts)
                self.assertAlmostEqual(total, 1.0, 12)

    def test_a_periodic_text_is_known_from_its_context(self):
        text = np.tile([0, 1, 0, 2], 200)
        loss = {order: -script("ngram").KneserNey(text, order, 4).log_probability(text).mean() for order in (1, 2, 3)}
        self.assertAlmostEqual(loss[1], 1.5 * np.log(2), delta=0.02)
        self.assertAlmostEqual(loss[2], 0.5 * np.log(2), delta=0.02)
        self.assertLess(loss[3], 0.01)


class Corpus(unittest.TestCase):
    """Reading the package's file format and cutting novels into chapters."""

    def test_chapters_without_headings(self):
        corpus = script("corpus")
        lines = ["EMMA", "", "VOLUME I", "CHAPTER I", "", "One", "two.", "", "Three & [four].", "VOLUME II", "",
                 "Chapter 2", "", "Five  six.", "", "THE END"]
        self.assertEqual(corpus.chapters_of(lines), ["One two.\nThree and (four).", "Five six."])
        with self.assertRaisesRegex(ValueError, "outside the alphabet"):
            corpus.chapters_of(["Chapter 1", "\u00e9"])
        self.assertEqual(corpus.tokens_of("\nz").tolist(), [0, len(corpus.ALPHABET) - 1])

    def test_vector_of_text_in_xdr(self):
        def word(*numbers):
            return np.array(numbers, ">i4").tobytes()
        text = word(9) + word(3) + b"abc"
        data = b"X\n" + word(3, 4, 3) + word(5) + b"UTF-8" + word(16, 2) + text + word(9, -1)
        corpus = script("corpus")
        self.assertEqual(corpus.RString(data).lines(), ["abc", ""])
        with self.assertRaisesRegex(ValueError, "type 13"):
            corpus.RString(data.replace(word(16, 2), word(13, 2))).lines()


if __name__ == "__main__":
    unittest.main()
