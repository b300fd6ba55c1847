"""Opens every table under a path with deltalake, polars and duckdb, and prints counts and schemas.

Usage: python read_tables.py PATH

Exits 1 when the three disagree, or when a column's type is not what `schemas/*.sql` declares.
Needs deltalake, polars and duckdb; duckdb reads the Parquet files that deltalake names.
"""

import pathlib
import sys

import duckdb
import polars
from deltalake import DeltaTable

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"


def declared(table: str) -> list[tuple[str, str]]:
    """The columns of schemas/TABLE.sql as DuckDB understands them."""
    with duckdb.connect() as connection:
        connection.execute((SCHEMAS / f"{table}.sql").read_text())
        return [(name, kind) for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()]


def main(root: pathlib.Path) -> int:
    faults = 0
    folders = [path for path in sorted(root.iterdir()) if (path / "_delta_log").is_dir()]
    if not folders:
        print(f"no tables under {root}")
        return 1
    for folder in folders:
        delta = DeltaTable(str(folder))
        arrow = delta.to_pyarrow_table() if hasattr(delta, "to_pyarrow_table") else None
        frame = polars.read_delta(str(folder))
        files = delta.file_uris()
        expected = declared(folder.name)
        with duckdb.connect() as connection:
            if files:
                relation = connection.read_parquet(files)
                rows, found = len(relation), list(zip(relation.columns, map(str, relation.types)))
            else:
                rows, found = 0, expected
        counts = {"deltalake": arrow.num_rows if arrow else frame.height, "polars": frame.height, "duckdb": rows}
        agree = len(set(counts.values())) == 1 and found == expected
        agree &= frame.columns == [name for name, _ in expected]
        faults += not agree
        print(f"{folder.name} version {delta.version()}, {len(files)} files, {counts} {'ok' if agree else 'FAULT'}")
        for (name, kind), field in zip(found, frame.schema.values()):
            print(f"    {name}: {kind} / {field}")
    return min(faults, 1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
