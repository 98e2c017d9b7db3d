#!/usr/bin/env python3
# Why: how fast an import is says little by itself; how it compares with the fastest reader of CSV that people have,
# which only parses, can be measured again anywhere:
#
#     python3 -m venv venv && venv/bin/pip install pyarrow
#     venv/bin/python deploy/bench-import.py --scratch /scratch [--ratings 100480507] [--runs 3]
#
# It generates a CSV with `mf generate`, then in turn parses it with pyarrow.csv.read_csv and imports it with
# `mf import`, each in a process of its own, and writes medians. 100 million ratings take 2.5 GB for the text and 1 GB
# for the store in the scratch folder; both are removed at the end.

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

PARSE = """
import json, resource, sys, time
import pyarrow.csv
start = time.perf_counter()
table = pyarrow.csv.read_csv(sys.argv[1])
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"rows": table.num_rows, "seconds": seconds, "peak_memory_bytes": peak}))
"""

NETFLIX = {"users": 480_189, "items": 17_770, "ratings": 100_480_507}


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def median(reports, key):
    return statistics.median(report[key] for report in reports)


def main():
    repository = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="Compares mf import with pyarrow.csv.read_csv on generated ratings.")
    parser.add_argument("--mf", default=os.path.join(repository, ".build/release/mf"), help="the program to measure")
    parser.add_argument("--ratings", type=int, default=NETFLIX["ratings"], help="of users and items in proportion")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turn")
    parser.add_argument("--holdout", default="0.1", help="for mf import")
    parser.add_argument("--scratch", help="where to put the text and the store; by default where temporary files go")
    options = parser.parse_args()

    folder = tempfile.mkdtemp(prefix="mf-bench-import-", dir=options.scratch)
    try:
        text, store = os.path.join(folder, "ratings.csv"), os.path.join(folder, "store")
        share = options.ratings / NETFLIX["ratings"]
        generated = json.loads(
            run(options.mf, "generate", "--users", str(max(1, round(NETFLIX["users"] * share))),
                "--items", str(min(NETFLIX["items"], options.ratings)), "--ratings", str(options.ratings),
                "--format", "csv", "--output", text, "--json"))
        print(f"generated {options.ratings:,} ratings, {os.path.getsize(text) / 1e9:.2f} GB of text, "
              f"in {generated['seconds']:.1f} s")
        parses, imports = [], []
        for number in range(1, options.runs + 1):
            parses.append(json.loads(run(sys.executable, "-c", PARSE, text)))
            shutil.rmtree(store, ignore_errors=True)
            imports.append(json.loads(
                run(options.mf, "import", "--input", text, "--output", store, "--holdout", options.holdout, "--json")))
            imported = imports[-1]["ratings"] + imports[-1]["holdout_ratings"]
            if not parses[-1]["rows"] == imported == options.ratings:
                sys.exit(f"{parses[-1]['rows']} rows were parsed and {imported} imported: these are not the same")
            print(f"run {number}: pyarrow parses in {parses[-1]['seconds']:.1f} s, "
                  f"mf imports in {imports[-1]['seconds']:.1f} s")
        size = sum(entry.stat().st_size for entry in os.scandir(store))
        ratio = median(imports, "seconds") / median(parses, "seconds")
        for name, reports in [("pyarrow", parses), ("mf", imports)]:
            peak = median(reports, "peak_memory_bytes")
            print(f"median of {name}: {median(reports, 'seconds'):.1f} s, peak memory {peak / 1e9:.2f} GB, "
                  f"{peak / size:.1f} times the store of {size / 1e9:.2f} GB")
        print(f"importing takes {ratio:.2f} times as long as parsing with pyarrow")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
