#!/usr/bin/env bash
# Why: lines of at most 120 columns and one way to break them, by the toolchain's own formatter:
#
#     deploy/format.sh
#
# Changes the Swift sources in place, in no other way than their layout.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$repository"

swift format --configuration deploy/swift-format.json --in-place --parallel --recursive Package.swift Sources Tests
