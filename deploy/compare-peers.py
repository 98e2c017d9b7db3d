#!/usr/bin/env python3
# Why: a claim to be faster than a peer, or as good after fewer sweeps, is worth what anybody can measure again. This
# generates ratings with `mf generate`, holds the same tenth of them out for everybody, and trains in turn with
# `mf train` and with the peers that a script PEERS knows:
#
#     python3 -m venv venv && venv/bin/pip install cmfrec numpy pyarrow
#     venv/bin/python deploy/compare-peers.py --peers PEERS --scratch /scratch [--rank 64] [--regularization 0.08]
#
# PEERS is run as `PEERS RATINGS.bin RANK SWEEPS NAMES` with LAM, OMP_NUM_THREADS and OPENBLAS_NUM_THREADS in its
# environment, writes a line per peer, and holds out the ratings for which held_out() below is true. RATINGS.bin has
# (int32 user, int32 item, float32 rating) per rating, numbered from 0. mf trains before and after the peers, so that a
# machine that slows down on the way shows. 20 million ratings take 1.5 GB in the scratch folder, removed at the end.

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import pyarrow
import pyarrow.csv

TRIPLE = np.dtype([("user", "<i4"), ("item", "<i4"), ("rating", "<f4")])


def held_out(count):
    """The split that the peers' script makes: by a multiplicative hash of the number of the rating."""
    hashes = (np.arange(count, dtype=np.uint64) * np.uint64(11400714819323198485)) >> np.uint64(40)
    return hashes % np.uint64(10) == 0


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def write_csv(triples, path):
    table = pyarrow.table({name: np.ascontiguousarray(triples[name]) for name in TRIPLE.names})
    pyarrow.csv.write_csv(table, path)


def prepare(mf, folder, options):
    """Writes RATINGS.bin and a store with the same ratings held out, and gives the paths of both."""
    text, store = os.path.join(folder, "ratings.csv"), os.path.join(folder, "store")
    binary = os.path.join(folder, "ratings.bin")
    if options.ratings_file:
        triples = np.fromfile(options.ratings_file, dtype=TRIPLE)
    else:
        users, items, ratings = options.generate.split("x")
        print(run(mf, "generate", "--users", users, "--items", items, "--ratings", ratings, "--seed", options.seed,
                  "--format", "csv", "--output", text))
        table = pyarrow.csv.read_csv(text)
        os.remove(text)
        triples = np.empty(table.num_rows, dtype=TRIPLE)
        for name in TRIPLE.names[:2]:
            numbers = table.column(name).to_numpy()
            triples[name] = numbers - numbers.min()
        triples["rating"] = table.column("rating").to_numpy()
    triples.tofile(binary)
    test = held_out(len(triples))
    train_text, test_text = os.path.join(folder, "train.csv"), os.path.join(folder, "test.csv")
    write_csv(triples[~test], train_text)
    write_csv(triples[test], test_text)
    run(mf, "import", "--input", train_text, "--test", test_text, "--output", store)
    os.remove(train_text)
    os.remove(test_text)
    return binary, store


def train(mf, store, folder, options):
    model = os.path.join(folder, "model")
    run(mf, "train", "--ratings", store, "--model", model, "--rank", options.rank, "--regularization",
        options.regularization, "--sweeps", options.sweeps, "--tolerance", "0", "--workers", "2", "--json",
        *options.option)
    with open(os.path.join(model, "training.json")) as file:
        sweeps = json.load(file)["sweeps"]
    seconds = statistics.median(sweep["user_seconds"] + sweep["item_seconds"] for sweep in sweeps)
    errors = " ".join(f"{sweep['validation_rmse']:.5f}" for sweep in sweeps)
    print(f"mf train       d={options.rank} sweeps={options.sweeps} median sweep {seconds:.3f} s  rmse by sweep {errors}",
          flush=True)


def main():
    repository = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="Compares mf train with other libraries on the same ratings.")
    parser.add_argument("--peers", required=True, help="the script that trains the peers")
    parser.add_argument("--names", default="cmfrec-cg", help="of the peers, with commas")
    parser.add_argument("--mf", default=os.path.join(repository, ".build/release/mf"), help="the program to measure")
    parser.add_argument("--generate", default="138000x27000x20000000", help="users x items x ratings")
    parser.add_argument("--seed", default="1", help="of the ratings that are generated")
    parser.add_argument("--ratings-file", help="a RATINGS.bin to take instead of generating")
    parser.add_argument("--rank", default="64")
    parser.add_argument("--regularization", default="0.08", help="scaled by the row's count by everybody")
    parser.add_argument("--sweeps", default="6", help="of mf train")
    parser.add_argument("--peer-sweeps", default="10")
    parser.add_argument("--option", action="append", default=[], help="a further option of mf train, with =")
    parser.add_argument("--scratch", help="where to put ratings and models; by default where temporary files go")
    options = parser.parse_args()

    folder = tempfile.mkdtemp(prefix="mf-compare-peers-", dir=options.scratch)
    try:
        binary, store = prepare(options.mf, folder, options)
        train(options.mf, store, folder, options)
        environment = dict(os.environ, LAM=options.regularization, OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="1")
        subprocess.run([sys.executable, options.peers, binary, options.rank, options.peer_sweeps, options.names],
                       check=True, env=environment)
        train(options.mf, store, folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
