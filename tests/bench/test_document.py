#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the directives of docs/performance.md.in become."""
import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
import figures  # noqa: E402
from document import Document, Mistake  # noqa: E402


def stored(folder, quick=False):
    """A run of two ways at two loads; the second way has no p99 at 50."""
    rows = [figures.row({"way": "a", "load": 10}, p50=([1, 2, 9], "us"), p99=([20], "us")),
            figures.row({"way": "a", "load": 50}, p50=([1234.5], "us"), p99=([30], "us")),
            figures.row({"way": "b", "load": 10}, p50=([-0.01], "us"), p99=([40], "us")),
            figures.row({"way": "b", "load": 50}, p50=([5], "us"))]
    figures.store(os.path.join(folder, "some.json"), figures.run("some", ["tests/bench/some.py", "--json", "x"], rows, quick=quick))


class Directives(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="document-")
        self.addCleanup(self._folder.cleanup)
        stored(self._folder.name)

    def text(self, template):
        return Document(template, self._folder.name).text()

    def test_prose_stays(self):
        self.assertEqual(self.text("0@1, a@b and *that*\n"), "0@1, a@b and *that*\n")

    def test_figures_in_the_text(self):
        self.assertEqual(self.text("x @median some figure=p50 way=a load=10@ y"), "x 2.0 y")
        self.assertEqual(self.text("@range some figure=p50 way=a@"), "2.0 to 1,234.0")
        self.assertEqual(self.text("@range some figure=p50 way=a load=10@"), "2.0")
        self.assertEqual(self.text("@least some figure=p99@, @most some figure=p99@"), "20.0, 40.0")
        self.assertEqual(self.text("@median some figure=p50 way=b load=10@"), "0.0")  # no minus nothing

    def test_patterns(self):
        self.assertEqual(self.text('@range some figure=p99 way="a|b" load=1*@'), "20.0 to 40.0")

    def test_a_table_by_figures_says_the_unit_once(self):
        self.assertEqual(self.text("@table some load=10 rows=way heads=which figures=p50,p99@").splitlines(),
                         ["| which | p50, us | p99, us |", "|---|--:|--:|", "| a | 2.0 | 20.0 |", "| b | 0.0 | 40.0 |"])

    def test_a_table_by_a_key_leaves_out_what_is_missing(self):
        self.assertEqual(self.text('@table some rows=way columns=load cell="{p50}[ ({p99})]"@').splitlines(),
                         ["| way | load 10 | load 50 |", "|---|--:|--:|", "| a | 2.0 (20.0) | 1,234.0 (30.0) |", "| b | 0.0 (40.0) | 5.0 |"])

    def test_a_table_by_cells_has_parts_of_figures(self):
        self.assertEqual(self.text('@table some way=a load=10 rows=way cells="p50 (most)={p50} ({p50:most})"@').splitlines()[2], "| a | 2.0 (9.0) |")

    def test_the_command_stands_beside_it_without_where_its_figures_went(self):
        self.assertIn("`tests/bench/some.py`", self.text("@about some@"))
        self.assertNotIn("quick", self.text("@about some@"))

    def test_what_is_not_there_is_a_mistake(self):
        for wrong in ("figure=p98 way=a load=10", "figure=p50 way=a", "figure=p50 way=c load=10", "way=a load=10"):
            with self.assertRaises(Mistake, msg=wrong):
                self.text(f"@median some {wrong}@")
        with self.assertRaises(Mistake):
            self.text("@table some rows=way way=c figures=p50@")
        with self.assertRaises(Mistake):
            self.text("@median some figure=p50")

    def test_a_quick_run_is_told_and_may_have_less(self):
        stored(self._folder.name, quick=True)
        self.assertIn("quick run", self.text("@about some@"))
        self.assertEqual(self.text("@median some figure=p50 way=c load=10@"), "-")

    def test_a_run_that_is_not_there_is_told(self):
        self.assertIn("--only other", self.text("@about other@"))
        self.assertEqual(self.text("@median other figure=x@"), "(not measured)")

    def test_charts(self):
        for how in ("kind=bars x=way figures=p50,p50:most", "kind=lines x=load series=way figure=p50 log=yes", 'kind=bars x="{way} at {load}" figures=p99'):
            document = Document(f'@chart some file=drawn title="A <title>" y_label="the unit" x_label="the load" {how}@', self._folder.name)
            self.assertIn("/drawn.svg)", document.text())
            svg = document.charts()["drawn.svg"]
            said = [text.text for text in xml.etree.ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
            for words in ("A <title>", "the unit", "the load"):
                self.assertIn(words, said)
            self.assertTrue(any("tests/bench/some.py" in words for words in said))
            self.assertIn("prefers-color-scheme:dark", svg)
            again = Document(document._template, self._folder.name)
            again.text()
            self.assertEqual(again.charts(), document.charts())


if __name__ == "__main__":
    unittest.main()
