#!/usr/bin/env python3
"""test_reader_mutations.py - the fuzz corpus, cut, flipped and shuffled, does no harm to profile_load(). TAP on stdout; test_reader.py says what it needs."""
import glob
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_reader import ROOT, main, trace_corpus  # noqa: E402


def test_mutations(tap, reader):
    corpus = sorted(glob.glob(os.path.join(ROOT, "tests", "fuzz", "corpus", "*.seep")))
    n = int(os.environ.get("SEEP_TEST_MUTATIONS", "200"))
    r = reader.mutate(n, corpus)
    tap.ok(corpus and r.returncode == 0, f"{len(corpus)} corpus files cut at every byte, {n} times flipped, blocks shuffled",
           r.stdout + r.stderr[-1500:])
    with tempfile.TemporaryDirectory() as again:
        trace_corpus.write_corpus(again)
        same = all(open(f, "rb").read() == open(os.path.join(again, os.path.basename(f)), "rb").read() for f in corpus)
    tap.ok(same, "the corpus is what trace_corpus.py writes today")


if __name__ == "__main__":
    sys.exit(main([test_mutations]))
