"""The same rows with their images to Parquet, by `auditdm export hf` and by `datasets.to_parquet`: seconds, CPU, memory.

Usage: python export_with_datasets.py AUDITDM TABLES

TABLES hold the bytes of all images (`copy_bytes = "all"`). Ours begins at the tables: query, images, files. The peer begins
at Parquet files that have the rows and images ready; its `load_dataset`, which turns them into its Arrow files, and its
`to_parquet` are timed apart. Each is a process of its own, on warm files. Exits 1 when the rows differ. Needs datasets and
pyarrow.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time


def peer(exported, output, cache):
    import datasets

    datasets.disable_progress_bars()
    start = time.perf_counter()
    rows = datasets.load_dataset("parquet", data_files=f"{exported}/data/*.parquet", split="train", cache_dir=cache)
    load_s = time.perf_counter() - start
    before, start = os.times(), time.perf_counter()
    rows.to_parquet(output)
    wall_s, after = time.perf_counter() - start, os.times()
    cpu_s = after.user + after.system - before.user - before.system
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"datasets {datasets.__version__}: load_dataset {load_s:.2f} s; to_parquet {wall_s:.2f} s, {cpu_s:.2f} CPU-s, {peak_mb} MB")


def main(auditdm, tables):
    import pyarrow.parquet

    with tempfile.TemporaryDirectory() as folder:
        for attempt in range(2):
            ours, theirs = f"{folder}/ours-{attempt}", f"{folder}/theirs.parquet"
            start = time.perf_counter()
            command = [auditdm, "export", "hf", "--tables", tables, "--output", ours, "--param", "holdout=0.0"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            if status:
                sys.exit("auditdm failed")
            wall_s, cpu_s = time.perf_counter() - start, used.ru_utime + used.ru_stime
            print(f"auditdm export hf: {wall_s:.2f} s, {cpu_s:.2f} CPU-s, {used.ru_maxrss // 1024} MB", flush=True)
            subprocess.run([sys.executable, __file__, "--peer", ours, theirs, f"{folder}/cache"], check=True)
        columns = ["id", "prompt", "completion"]
        mine = pyarrow.parquet.read_table(f"{ours}/data", columns=columns).sort_by("id")
        other = pyarrow.parquet.read_table(theirs, columns=columns).sort_by("id")
        return 0 if mine.equals(other) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer(*sys.argv[2:])
    elif len(sys.argv) != 3:
        sys.exit(__doc__)
    else:
        sys.exit(main(sys.argv[1], sys.argv[2]))
