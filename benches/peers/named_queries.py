"""Every named query over the same Parquet files in auditdm and in DuckDB, two threads each: seconds, memory, total.

Usage: python named_queries.py AUDITDM TABLES [NAME ...]

Each query is a process of its own on both sides and writes its result to a Parquet file. DuckDB gets the views and macros
that `auditdm tables duckdb` prints; printing them, starting Python and importing DuckDB are not on its clock, starting
auditdm is. Exits 1 when the results differ or auditdm is slower in total. Needs duckdb and pytz.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

import duckdb

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oracles"))
from duckdb_views import equal, parameters, plain  # noqa: E402

OURS_ALONE = ["normalize_answer", "answer_distance", "token_f1", "anls"]  # functions whose rules no macro holds
FEW = 10_000  # rows that are compared one by one, in order


def duckdb_side(script, query, output):
    """Runs one query and prints its seconds; a process of its own, so that its memory is its own."""
    text = pathlib.Path(query).read_text().replace("percentile_cont(", "quantile_cont(")
    start = time.perf_counter()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 2; SET preserve_insertion_order = false")
    connection.execute(pathlib.Path(script).read_text())
    connection.execute(f"COPY ({text}\n) TO '{output}' (FORMAT parquet)", parameters(text))
    print(time.perf_counter() - start)


def run(command):
    """A command's output, seconds and peak memory in MB."""
    start = time.perf_counter()
    environment = {**os.environ, "TOKIO_WORKER_THREADS": "2", "RAYON_NUM_THREADS": "2"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tempfile.gettempdir())
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {command}")
    return output, time.perf_counter() - start, usage.ru_maxrss // 1024


def same(ours, theirs):
    """Whether two files hold the same rows, and how many: few in order, many by what is not a fraction."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    rows = [connection.execute(f"SELECT count(*) FROM '{path}'").fetchone()[0] for path in (ours, theirs)]
    if rows[0] != rows[1] or rows[0] > FEW:
        columns = connection.execute(f"DESCRIBE FROM '{ours}'").fetchall()
        whole = ", ".join(f'"{name}"::VARCHAR' for name, kind, *_ in columns if kind not in ("FLOAT", "DOUBLE"))
        sums = [connection.execute(f"SELECT sum(hash({whole})) FROM '{path}'").fetchone() for path in (ours, theirs)]
        return rows[0] == rows[1] and sums[0] == sums[1], rows[0]

    def read(path):
        cursor = connection.execute(f"FROM '{path}'")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, map(plain, row))) for row in cursor.fetchall()]

    return all(map(equal, read(ours), read(theirs))), rows[0]


def main(auditdm, tables, names):
    auditdm, tables = str(pathlib.Path(auditdm).resolve()), str(pathlib.Path(tables).resolve())
    faults, totals = 0, [0.0, 0.0]
    with tempfile.TemporaryDirectory() as folder:
        script, ours, theirs = (f"{folder}/{name}" for name in ("views.sql", "ours.parquet", "theirs.parquet"))
        pathlib.Path(script).write_text(run([auditdm, "tables", "duckdb", "--tables", tables])[0])
        for query in sorted((ROOT / "queries").glob("*.sql")):
            if names and query.stem not in names:
                continue
            if unknown := [name for name in OURS_ALONE if f"{name}(" in query.read_text()]:
                print(f"left out {query.stem}: no macro for {', '.join(unknown)}")
                continue
            given = ["--tables", tables, "--format", "parquet", "--output", ours]
            _, seconds, memory = run([auditdm, "query", query.stem, *given])
            told, _, their_memory = run([sys.executable, __file__, "--duckdb", script, str(query), theirs])
            totals = [totals[0] + seconds, totals[1] + float(told)]
            equal_rows, rows = same(ours, theirs)
            faults += not equal_rows
            print(
                f"{'same' if equal_rows else 'DIFFERENT'} {query.stem}, {rows} rows: auditdm {seconds:.2f} s {memory} MB,"
                f" duckdb {float(told):.2f} s {their_memory} MB",
                flush=True,
            )
    print(f"total: auditdm {totals[0]:.2f} s, duckdb {totals[1]:.2f} s")
    return 1 if faults or totals[0] > totals[1] else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--duckdb"]:
        duckdb_side(*sys.argv[2:])
    elif len(sys.argv) < 3:
        sys.exit(__doc__)
    else:
        sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
