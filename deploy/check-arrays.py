#!/usr/bin/env python3
"""Why: stores and models promise that NumPy opens them. This opens every array, as a user would, and
compares element types and shapes with the JSON beside it.

    check-arrays.py STORE MODEL
"""

import json
import sys
from pathlib import Path

import numpy


def arrays(folder):
    return {path.name: numpy.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}


def expect(array, dtype, shape, name):
    assert array.dtype == numpy.dtype(dtype), f"{name}: {array.dtype}, not {dtype}"
    assert array.shape == shape, f"{name}: shape {array.shape}, not {shape}"


def check_store(folder):
    store = json.loads((folder / "store.json").read_text())
    found = arrays(folder)
    users, items = store["users"], store["items"]
    for prefix, count in [("", store["ratings"]), ("holdout_", store["holdout_ratings"])]:
        for side, other, rows, columns in [("user", "items", users, items), ("item", "users", items, users)]:
            offsets = found.pop(f"{prefix}{side}_offsets.npy")
            expect(offsets, "<i8", (rows + 1,), "offsets")
            assert offsets[0] == 0 and offsets[-1] == count and (numpy.diff(offsets) >= 0).all(), "offsets"
            indices = found.pop(f"{prefix}{side}_{other}.npy")
            expect(indices, "<u4", (count,), "indices")
            assert (indices < columns).all(), "indices"
            values = found.pop(f"{prefix}{side}_values.npy")
            expect(values, store["value_encoding"]["element_type"], (count,), "values")
    return store, found


def check_model(folder, store):
    model = json.loads((folder / "model.json").read_text())
    found = arrays(folder)
    assert model["store_fingerprint"] == store["fingerprint"], "the model is of another store"
    for side, rows in [("user", store["users"]), ("item", store["items"])]:
        factors = found.pop(f"{side}_factors.npy")
        expect(factors, "<f4", (rows, model["rank"]), "factors")
        assert factors.flags.c_contiguous and numpy.isfinite(factors).all(), "factors"
        if "bias_regularization" in model["configuration"]:
            biases = found.pop(f"{side}_biases.npy")
            expect(biases, "<f4", (rows,), "biases")
            assert numpy.isfinite(biases).all(), "biases"
    return found


def check_ids(found, description, folder):
    for side in ["user", "item"]:
        if description[f"{side}_ids"] == "integers":
            expect(found.pop(f"{side}_ids.npy"), "<i8", (description[f"{side}s"],), "ids")
        else:
            lines = (folder / f"{side}_ids.txt").read_text(encoding="utf-8").splitlines()
            assert len(lines) == description[f"{side}s"], "ids"
    assert not found, f"{folder}: arrays that nobody asked for: {list(found)}"


def main():
    store_folder, model_folder = Path(sys.argv[1]), Path(sys.argv[2])
    store, found = check_store(store_folder)
    check_ids(found, store, store_folder)
    check_ids(check_model(model_folder, store), store, model_folder)
    print("every array opens and has the shape its JSON gives")


main()
