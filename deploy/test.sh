#!/usr/bin/env bash
# Why: everything that must hold before a change is taken, in one command, on a machine with only a Swift toolchain:
#
#     deploy/test.sh
#
# Tests on real ratings run where MF_DATA names their folder, and are skipped elsewhere.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$repository"

require_tools

say "Building for release"
build .build/test/build.log --build-tests
echo "no warnings"

say "Testing${MF_DATA:+ with the ratings in $MF_DATA}"
[[ -n ${MF_DATA:-} ]] || echo "MF_DATA is not set: tests on real ratings are skipped"
# The tests of the commands start real coordinators and workers and have deadlines: they run alone, and one by one.
swift test -c release --skip-build --disable-xctest --parallel --skip CommandTests
swift test -c release --skip-build --disable-xctest --no-parallel --filter CommandTests

say "Fuzzing what reads bytes of others"
if compgen -G "$(dirname "$(readlink -f "$(command -v swiftc)")")/../lib/clang/*/lib/*/libclang_rt.fuzzer*" >/dev/null ||
    compgen -G "$(dirname "$(readlink -f "$(command -v swiftc)")")/../lib/swift/clang/lib/*/libclang_rt.fuzzer*" >/dev/null; then
    deploy/fuzz.sh all --seconds 30
else
    echo "skipped: this toolchain has no fuzzer"
fi

say "Opening every array with NumPy"
if have python3 && python3 -c 'import numpy' 2>/dev/null; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    awk 'BEGIN { for (u = 1; u <= 60; u++) for (i = 1; i <= 40; i++) if ((u * i + u) % 3) print u "\t" i "\t" (u + i) % 5 + 1 }' \
        >"$scratch/ratings.tsv"
    .build/release/mf import --input "$scratch/ratings.tsv" --output "$scratch/store" --holdout 0.1 --seed 1
    .build/release/mf train --ratings "$scratch/store" --model "$scratch/model" --rank 4 --sweeps 2 --workers 1
    python3 deploy/check-arrays.py "$scratch/store" "$scratch/model"
else
    echo "skipped: there is no python3 with numpy here; the byte-level tests of the format have passed all the same"
fi

say "All tests passed"
