"""Scores the fixtures' predictions in the reference evaluators: pycocoevalcap 1.2 (needs Java) and anls 0.0.2.

    python tests/oracles/score_benchmarks.py tests/data/benchmarks
"""

import json
import sys

import pyarrow.parquet as pq
from anls import anls_score
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

FOLDER = sys.argv[1]


def rows(name):
    return pq.read_table(f"{FOLDER}/{name}.parquet").to_pylist()


def predictions(name, key, text):
    return {row[key]: row[text] for row in map(json.loads, open(f"{FOLDER}/predictions/{name}.jsonl"))}


said = predictions("coco_captions", "image_id", "caption")
tokenizer = PTBTokenizer()
references = tokenizer.tokenize({row["question_id"]: [{"caption": text} for text in row["answer"]] for row in rows("coco_captions")})
captions = tokenizer.tokenize({key: [{"caption": text}] for key, text in said.items()})
print("CIDEr-D", 100 * Cider().compute_score(references, captions)[0])

said = predictions("docvqa", "question_id", "prediction")
scores = [anls_score(said[row["questionId"]], row["answers"]) for row in rows("docvqa")]
print("ANLS", 100 * sum(scores) / len(scores))
