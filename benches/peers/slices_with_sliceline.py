"""Finds slices with the PyPI package sliceline in the rows that `cargo bench --bench slice -- file FILE ROWS` wrote.

Usage: python slices_with_sliceline.py FILE

Prints seconds without reading the file, the most memory, and which planted slices are among the twenty best. Needs
sliceline, pandas and pyarrow.
"""

import resource
import sys
import time

import numpy as np
import pandas
from sliceline import Slicefinder

PLANTED = [
    {"a10": "v3"},
    {"a08": "v1"},
    {"a02": "v1", "a09": "v2"},
    {"a01": "v2", "a04": "v0"},
    {"a03": "v0", "a05": "v1", "a07": "v2"},
    {"a00": "v1", "a04": "v3", "a06": "v4"},
]


def main(path):
    rows = pandas.read_parquet(path)
    columns = [name for name in rows.columns if name.startswith("a")]
    started = time.perf_counter()
    numeric = [name for name in columns if pandas.api.types.is_numeric_dtype(rows[name])]
    attributes = rows[columns].copy()
    for name in numeric:
        attributes[name] = pandas.qcut(rows[name], 5, labels=False).astype(str)
    errors = rows["target_failure"].to_numpy(dtype=np.float64)
    finder = Slicefinder(alpha=0.95, k=20, max_l=3, min_sup=max(30, len(rows) // 2000), verbose=False)
    finder.fit(attributes.to_numpy(dtype=object), errors)
    seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = [{name: value for name, value in zip(columns, best) if value is not None} for best in finder.top_slices_]
    planted = sum(slice_ in found for slice_ in PLANTED)
    print(f"sliceline {len(rows)} rows, {seconds:.2f} s, {peak_mb:.0f} MB, {planted} of {len(PLANTED)} planted slices")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
