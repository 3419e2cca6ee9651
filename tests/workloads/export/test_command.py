"""python -m attohm_export, as a user would call it."""

import contextlib
import io
import os
import subprocess
import sys
import unittest

import small

from test_writer import InFolder
from attohm_export.__main__ import main

SOURCE = """
import sys
sys.path.insert(0, {tests!r})
import torch_models as models

def make():
    return models.randomise(models.VisionTransformer()), models.images()

def labelled():
    model, images = make()
    return {{"model": model, "inputs": images, "labels": [0, 1, 2]}}

def nothing():
    return 3
"""


class Command(InFolder):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "my_model.py"
        self.source.write_text(SOURCE.format(tests=str(small.ROOT / "tests" / "workloads" / "export")))

    def run_main(self, *arguments):
        """Returns: exit code, what was printed on both streams."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(a) for a in arguments])
        return code, out.getvalue(), err.getvalue()

    def test_capture_then_check(self):
        code, out, _ = self.run_main(f"{self.source}:make", self.path, "--labels", "model", "--linear", "head",
                                     "--name", "my vit", "--dataset", "noise")
        self.assertEqual(code, 0)
        for text in ("blocks.0.attn.qkv.weight, third 1", "closed loop: timm VisionTransformer", "3 samples, 2 layers",
                     "labels are the model's own answers"):
            self.assertIn(text, out)
        code, out, _ = self.run_main("--check", self.path)
        self.assertEqual(code, 0)
        self.assertIn("my vit (vit): 2 layers, 3 heads (3 kv), head_dim 8, 3 samples, closed loop", out)
        self.assertIn("good; worst recomputation error", out)

    def test_options_that_the_function_gives_and_the_command_overrides(self):
        code, out, _ = self.run_main(f"{self.source}:labelled", self.path, "--closed", "no", "--half", "--use", "timm")
        self.assertEqual(code, 0)
        self.assertNotIn("closed loop", out)
        self.assertIn("open loop, as asked", out)

    def test_routes(self):
        code, out, _ = self.run_main("--routes")
        self.assertEqual(code, 0)
        self.assertIn("untested here: transformers", out)

    def test_mistakes_are_exit_code_2(self):
        source = str(self.source)
        self.path.write_text("old")
        for text, arguments in (("nothing to do", ()), ("not MODULE:FUNCTION", (source, self.path)),
                                ("cannot be imported", ("no_such_module_here:make", self.path)),
                                ("cannot be imported", (self.folder / "none.py:make", self.path)),
                                ("no such function", (f"{source}:other", self.path)),
                                ("returned something else", (f"{source}:nothing", self.path)),
                                ("unknown route", (f"{source}:make", self.path, "--use", "flash")),
                                ("not an HDF5 file", ("--check", source)), ("does not exist", ("--check", "none.h5"))):
            code, _, err = self.run_main(*arguments)
            self.assertEqual(code, 2)
            self.assertIn(text, err)
        self.assertEqual(self.path.read_text(), "old")

    def test_as_a_program(self):
        environment = {**os.environ, "PYTHONPATH": str(small.ROOT / "workloads" / "export")}
        done = subprocess.run([sys.executable, "-m", "attohm_export", "my_model.py:make", "out.h5"], cwd=self.folder,
                              env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.folder / "out.h5").is_file())
        self.assertIn("nothing scores them", done.stdout)


if __name__ == "__main__":
    unittest.main()
