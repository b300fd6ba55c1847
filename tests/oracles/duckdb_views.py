"""Runs every named query in DuckDB, over the views and macros that `auditdm tables duckdb` prints, and compares.

Usage: python duckdb_views.py AUDITDM TABLES [--time]

Exits 1 when a query's rows or a function's value differ. With --time, both engines get two threads and each query's
seconds are printed. Needs duckdb and pytz.
"""

import json
import math
import os
import pathlib
import re
import subprocess
import sys
import time

import duckdb

QUERIES = pathlib.Path(__file__).resolve().parents[2] / "queries"
FUNCTIONS = """SELECT wilson_low(1, 2) AS a, wilson_high(10, 10) AS b, wilson_low(0, 0) AS c, mcnemar_exact(1, 8) AS d,
    mcnemar_exact(700, 900) AS e, has_word('Is the cat, left?', 'LEFT') AS f, has_word('leftmost', 'left') AS g,
    attribute('{"a/b": "x", "n": 1}', 'a/b') AS h, attribute('{"n": 1}', 'n') AS i, attribute('no', 'n') AS j,
    hash_distance(-1, 0) AS k, near_duplicate_keys(-2) AS l, advantage(1.0, 0.5, 0.5) AS m"""


def parameters(text):
    """The defaults that a query's header declares."""
    declared = re.findall(r"^-- param (\w+) = ([^:]*):", text, re.MULTILINE)

    def typed(default):
        for kind in (int, float):
            try:
                return kind(default)
            except ValueError:
                pass
        return default

    return {name: typed(default.strip()) for name, default in declared}


def plain(value):
    """A value as both engines write it."""
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return value[:19]
    if hasattr(value, "isoformat"):
        return value.isoformat()[:19]
    if isinstance(value, (bool, int, str, list)) or value is None:
        return value
    return float(value)


def equal(ours, theirs):
    """Whether two rows are the same but for the last digits of numbers."""

    def same(a, b):
        numbers = isinstance(a, (int, float)) and isinstance(b, (int, float))
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12) if numbers else a == b

    return ours.keys() == theirs.keys() and all(same(value, theirs[name]) for name, value in ours.items())


def main(auditdm, tables, timed):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    if timed:
        connection.execute("SET threads = 2")
    script = subprocess.run([auditdm, "tables", "duckdb", "--tables", tables], check=True, capture_output=True, text=True)
    connection.execute(script.stdout)
    faults = 0
    totals = [0.0, 0.0]
    statements = [(path.stem, path.read_text(), ["query", path.stem]) for path in sorted(QUERIES.glob("*.sql"))]
    for name, sql, command in [*statements, ("functions", FUNCTIONS, ["query", "--sql", FUNCTIONS])]:
        start = time.perf_counter()
        # An aggregate of two arguments that no macro can be.
        cursor = connection.execute(sql.replace("percentile_cont(", "quantile_cont("), parameters(sql))
        names = [column[0] for column in cursor.description]
        theirs = [dict(zip(names, map(plain, row))) for row in cursor.fetchall()]
        middle = time.perf_counter()
        command = [auditdm, *command, "--tables", tables, "--format", "json"]
        output = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "TOKIO_WORKER_THREADS": "2"})
        ours = [{key: plain(value) for key, value in row.items()} for row in json.loads(output.stdout)]
        seconds = [middle - start, time.perf_counter() - middle]
        totals = [total + each for total, each in zip(totals, seconds)]
        same = len(ours) == len(theirs) and all(map(equal, ours, theirs))
        faults += not same
        took = f" duckdb {seconds[0]:.2f} s, auditdm {seconds[1]:.2f} s" if timed else ""
        print(f"{'same' if same else 'DIFFERENT'} {name}, {len(ours)} rows{took}")
        if not same:
            different = [pair for pair in zip(ours, theirs) if not equal(*pair)]
            print(f"  ours, theirs: {len(ours)}, {len(theirs)} rows; {different[:1]}")
    if timed:
        print(f"total: duckdb {totals[0]:.2f} s, auditdm {totals[1]:.2f} s (its start included)")
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], "--time" in sys.argv))
