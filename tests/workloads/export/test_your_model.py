"""The example of docs/your-model.md: its capture, with random weights and few images, and what the page shows of it."""

import contextlib
import importlib.util
import io
import unittest

import small

from test_writer import InFolder
from attohm_export import capture
from attohm_export.reader import TraceReader, check_trace

SOURCE = small.ROOT / "docs" / "examples" / "your_model.py"
PAGE = small.ROOT / "docs" / "your-model.md"
SAMPLES = 45        # two batches, the second one short


def example():
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("your_model", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class YourModel(InFolder):
    def test_capture_gives_a_closed_loop_trace(self):
        given = example().make(epochs=0, samples=SAMPLES)
        truth = given["labels"].tolist()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            capture(given.pop("model"), given.pop("inputs"), self.path, **given)
        self.assertLess(check_trace(self.path), 1e-5)
        trace = TraceReader(self.path)
        names = trace.names()
        self.assertEqual([int(trace.file[name].attrs["label"]) for name in names], truth)
        self.assertEqual((len(names), len(trace.file["calibration"])), (SAMPLES, 16))
        self.assertIn("closed loop: torch nn.TransformerEncoder", out.getvalue())
        self.assertIn("weights", trace.file["model"])
        self.assert_page_shows_the_table(out.getvalue())

    def assert_page_shows_the_table(self, printed):
        """Every printed line of the mapping stands on the page, which leaves out the second layer."""
        shown = {line.strip() for line in PAGE.read_text().splitlines()}
        table = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
        self.assertEqual(len(table), 38)
        self.assertEqual([line for line in table if line not in shown and "layers.1." not in line], [])

    def test_the_test_images_are_not_trained_on(self):
        (ids, labels), (test, truth) = example().data()
        self.assertEqual((len(ids), len(labels), len(test), len(truth)), (1437, 1437, 360, 360))
        seen = {tuple(image) for image in ids.tolist()}
        self.assertEqual([i for i, image in enumerate(test.tolist()) if tuple(image) in seen], [])


if __name__ == "__main__":
    unittest.main()
