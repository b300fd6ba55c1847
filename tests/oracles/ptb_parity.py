"""Vectors of the COCO evaluation's tokenizer for lines of text, in the form that the test `metric_vectors` reads.

Needs pycocoevalcap 1.2 and Java.
    python tests/oracles/ptb_parity.py captions.txt > ptb.jsonl
    METRIC_VECTORS=ptb.jsonl cargo test --release metric_vectors
"""

import json
import sys

from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

lines = [line for line in open(sys.argv[1], encoding="utf-8").read().split("\n") if line.strip()]
# A caption between two keeps one from deciding about the stop at the end of the other.
tokens = PTBTokenizer().tokenize({n: [{"caption": line}, {"caption": "x"}] for n, line in enumerate(lines)})
for n, line in enumerate(lines):
    print(json.dumps({"id": f"ptb-{n}", "metric": "ptb_tokenize", "variant": "stanford_3.4.1", "group": None, "role": "item",
                      "prediction": line, "references": [tokens[n][0]], "expected": 1.0, "tol": 1e-9, "extra": {}}))
