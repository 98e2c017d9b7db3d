#!/usr/bin/env python3
# Why: the simulation knows only the faults that we thought of. This runs the real programs on real ratings while workers
# are killed and frozen and the coordinator is killed and resumed, at random, again and again, and compares every model
# with the one that nobody disturbed:
#
#     deploy/soak-processes.py --ratings ml-1m/ratings.dat [--runs 20] [--seed 1]
#
# What was done to which process is printed; a seed repeats the decisions, though not what the processes were at just then.

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

FACTORS = ["user_factors.npy", "item_factors.npy"]


class Cluster:
    """A coordinator and its workers, and what is done to them."""

    def __init__(self, options, folder, generator):
        self.options, self.folder, self.generator = options, folder, generator
        self.counts = collections.Counter()
        self.log = open(os.path.join(folder, "log"), "wb")
        self.endpoint = f"ipc://{folder}/socket"
        self.coordinator = self.start_coordinator()
        self.workers = [self.start_worker() for _ in range(options.workers)]
        self.frozen = {}

    def start(self, *command):
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.log)

    def start_coordinator(self):
        return self.start(
            os.path.join(self.options.bin, "mf-coordinator"), "--ratings", self.options.store, "--model",
            os.path.join(self.folder, "model"), "--checkpoint", os.path.join(self.folder, "checkpoints"), "--resume",
            "--listen", self.endpoint, *self.options.job)

    def start_worker(self):
        maps = self.generator.choice(["--map-store", "--no-map-store"])
        return self.start(
            os.path.join(self.options.bin, "mf-worker"), "--coordinator", self.endpoint, "--threads", "1",
            "--coordinator-timeout", "60", maps)

    def disturb(self, now):
        for worker in [worker for worker, until in self.frozen.items() if until <= now]:
            worker.send_signal(signal.SIGCONT)
            del self.frozen[worker]
        fault = self.generator.choices(["worker killed", "worker stopped", "coordinator killed"], [4, 3, 2])[0]
        if fault == "coordinator killed":
            self.coordinator.kill()
            self.coordinator.wait()
            self.coordinator = self.start_coordinator()
        elif fault == "worker killed":
            worker = self.generator.choice(self.workers)
            worker.kill()
            worker.wait()
            self.frozen.pop(worker, None)
            self.workers[self.workers.index(worker)] = self.start_worker()
        else:
            awake = [worker for worker in self.workers if worker not in self.frozen]
            if not awake:
                return
            worker = self.generator.choice(awake)
            worker.send_signal(signal.SIGSTOP)
            self.frozen[worker] = now + self.generator.uniform(0.2, 15)
        self.counts[fault] += 1

    def run(self):
        """Until the coordinator has its model. Gives the model's folder."""
        due = time.monotonic() + self.generator.uniform(0.2, self.options.interval)
        limit = time.monotonic() + self.options.limit
        while True:
            status = self.coordinator.poll()
            now = time.monotonic()
            if status is not None:
                if status != 0:
                    raise RuntimeError(f"the coordinator ended with {status}")
                return os.path.join(self.folder, "model")
            if now > limit:
                raise RuntimeError(f"no model after {self.options.limit} s")
            # A worker that was thawed may have given up; its place is taken, as an operator would.
            for index, worker in enumerate(self.workers):
                if worker.poll() not in (None, 0):
                    self.workers[index] = self.start_worker()
                    self.counts["worker started anew"] += 1
            if now >= due:
                self.disturb(now)
                due = now + self.generator.uniform(0.2, self.options.interval)
            time.sleep(0.02)

    def end(self):
        for process in [self.coordinator, *self.workers]:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.log.close()


def content(model):
    return [open(os.path.join(model, name), "rb").read() for name in FACTORS]


def main():
    repository = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="Kills and freezes the processes of jobs, and compares their models.")
    parser.add_argument("--ratings", required=True, help="a rating file or a store")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--interval", type=float, default=3, help="the longest time between two faults, in seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rank", default="128")
    parser.add_argument("--sweeps", default="30")
    parser.add_argument("--limit", type=float, default=600, help="seconds after which a run counts as stuck")
    parser.add_argument("--bin", default=os.path.join(repository, ".build/release"), help="where the programs are")
    options = parser.parse_args()
    options.job = ["--rank", options.rank, "--sweeps", options.sweeps, "--tolerance", "0", "--solver", "exact",
                   "--regularization", "0.06"]

    base = tempfile.mkdtemp(prefix="mf-soak-")
    counts = collections.Counter()
    try:
        mf = os.path.join(options.bin, "mf")
        options.store = options.ratings
        if not os.path.isdir(options.ratings):
            options.store = os.path.join(base, "store")
            subprocess.run([mf, "import", "--input", options.ratings, "--output", options.store, "--holdout", "0.1"],
                           check=True, stdout=subprocess.DEVNULL)
        began = time.monotonic()
        subprocess.run([mf, "train", "--ratings", options.store, "--model", os.path.join(base, "undisturbed"),
                        "--workers", "2", *options.job], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"undisturbed: {time.monotonic() - began:.1f} s", flush=True)
        expected = content(os.path.join(base, "undisturbed"))
        for number in range(options.runs):
            seed = options.seed + number
            folder = os.path.join(base, str(seed))
            os.mkdir(folder, 0o700)
            cluster = Cluster(options, folder, random.Random(seed))
            began = time.monotonic()
            try:
                same = content(cluster.run()) == expected
                with open(os.path.join(folder, "log"), errors="replace") as log:
                    cluster.counts["resumed from a checkpoint"] += log.read().count("going on from the checkpoint")
            except RuntimeError as error:
                same = False
                print(f"seed {seed}: {error}", flush=True)
            finally:
                cluster.end()
            counts += cluster.counts
            what = ", ".join(f"{count} {name}" for name, count in sorted(cluster.counts.items()))
            print(f"seed {seed}: {time.monotonic() - began:.1f} s, {what}", flush=True)
            if not same:
                kept = shutil.copytree(folder, f"soak-{seed}", dirs_exist_ok=True)
                sys.exit(f"seed {seed}: the model is not that of the undisturbed job; all of it is in {kept}")
            shutil.rmtree(folder)
        if options.runs > 2 and counts["resumed from a checkpoint"] == 0:
            sys.exit("no coordinator has gone on from a checkpoint: this has tested nothing")
        print(f"{options.runs} runs, {options.runs} identical models; "
              + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
