#!/usr/bin/env python3
# Why: a solver of the implicit loss is right when it ranks as another implementation of the same equations does, and
# fast when it does so sooner. This trains `mf train --loss implicit` and the package `implicit` on the training part of
# the same store, with the same confidences, lambda and rank, in turn (mf, implicit, mf), and prints the time of a sweep
# and, with --evaluate, recall@20 of the held-out pairs of both models by one function:
#
#     python3 -m venv venv && venv/bin/pip install implicit numpy scipy
#     venv/bin/python deploy/compare-implicit.py --ratings STORE [--rank 64] [--regularization 0.01] [--alpha 1]
#         [--sweeps 15] [--solver exact|cg|auto] [--evaluate] [--threads 2]
#
# Confidence is 1 + ALPHA r for a stored pair, 1 for any other; lambda is the same for every row. `implicit` solves
# exactly with --solver exact, else by its default, three steps of conjugate gradients. `mf` has one worker.

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

# The package has threads of its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import scipy.sparse as sparse

CUTOFF = 20


def matrix(store, prefix, shape, denominator):
    """The ratings of a store, users x items."""
    def load(name):
        return np.load(os.path.join(store, prefix + name))

    offsets, items, values = load("user_offsets.npy"), load("user_items.npy"), load("user_values.npy")
    return sparse.csr_matrix((values.astype(np.float32) / denominator, items.astype(np.int64), offsets), shape=shape)


def recall(users, items, train, test):
    """The mean over users with held-out pairs of the part of them that is among the best 20, seen ones left out."""
    total = count = 0
    for first in range(0, train.shape[0], 1000):
        rows = np.arange(first, min(first + 1000, train.shape[0]))
        rows = rows[np.diff(test.indptr)[rows] > 0]
        scores = users[rows] @ items.T
        for score, row in zip(scores, rows):
            score[train.indices[train.indptr[row]:train.indptr[row + 1]]] = -np.inf
            best = np.argpartition(-score, CUTOFF)[:CUTOFF]
            relevant = test.indices[test.indptr[row]:test.indptr[row + 1]]
            total += len(np.intersect1d(best, relevant)) / len(relevant)
            count += 1
    return total / count


def train_mf(options, folder):
    model = os.path.join(folder, "model")
    subprocess.run(
        [options.mf, "train", "--ratings", options.ratings, "--model", model, "--loss", "implicit", "--confidence",
         f"linear:{options.alpha}", "--regularization-scaling", "none", "--regularization", str(options.regularization),
         "--rank", str(options.rank), "--solver", options.solver, "--sweeps", str(options.sweeps), "--tolerance", "0",
         "--workers", "1", "--threads", str(options.threads)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(model, "training.json")) as file:
        sweeps = json.load(file)["sweeps"]
    seconds = [sweep["user_seconds"] + sweep["item_seconds"] for sweep in sweeps]
    users, items = (np.load(os.path.join(model, name + "_factors.npy")) for name in ("user", "item"))
    return users, items, statistics.median(seconds)


def train_implicit(options, train):
    from implicit.cpu.als import AlternatingLeastSquares

    confidences = train.copy()
    confidences.data = 1 + options.alpha * confidences.data
    model = AlternatingLeastSquares(
        factors=options.rank, regularization=options.regularization, iterations=options.sweeps, alpha=1.0,
        use_cg=options.solver != "exact", num_threads=options.threads, random_state=1)
    times = []
    model.fit(confidences, show_progress=False, callback=lambda *_: times.append(time.perf_counter()))
    seconds = np.diff(times)
    return model.user_factors, model.item_factors, statistics.median(seconds) if len(seconds) else float("nan")


def main():
    repository = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="Compares mf train --loss implicit with the package implicit.")
    parser.add_argument("--ratings", required=True, help="a store that mf import or mf generate wrote")
    parser.add_argument("--mf", default=os.path.join(repository, ".build/release/mf"), help="the program to measure")
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--regularization", type=float, default=0.01)
    parser.add_argument("--alpha", type=float, default=1)
    parser.add_argument("--sweeps", type=int, default=15)
    parser.add_argument("--solver", choices=["exact", "cg", "auto"], default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--evaluate", action="store_true", help="compare recall@20 of the held-out pairs")
    options = parser.parse_args()

    with open(os.path.join(options.ratings, "store.json")) as file:
        store = json.load(file)
    shape, denominator = (store["users"], store["items"]), store["value_encoding"]["denominator"]
    train = matrix(options.ratings, "", shape, denominator)
    test = matrix(options.ratings, "holdout_", shape, denominator) if options.evaluate else None
    folder = tempfile.mkdtemp(prefix="mf-compare-implicit-")
    try:
        for name in ("mf", "implicit", "mf"):
            users, items, seconds = train_mf(options, folder) if name == "mf" else train_implicit(options, train)
            found = f", recall@{CUTOFF} {recall(users, items, train, test):.5f}" if options.evaluate else ""
            print(f"{name:<9} rank {options.rank}, {options.sweeps} sweeps, {options.solver}: "
                  f"median sweep {seconds:.3f} s{found}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
