#!/bin/sh
# Builds the kernels for 64-bit ARM with Debian's cross compiler and compares the NEON level with double precision
# under qemu-user. Skips aloud where either is missing (apt: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernels="$here/../Sources/CKernels"

compiler=${AARCH64_CC:-aarch64-linux-gnu-gcc}
emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
if ! command -v "$compiler" >/dev/null || [ -z "$emulator" ]; then
    echo "SKIPPED: $compiler or qemu-aarch64 is missing; the NEON kernels were not tested" >&2
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$compiler" -O2 -Wall -Wextra -static -I "$kernels/include" -o "$folder/oracle" \
    "$here/neon/oracle.c" "$kernels"/kernels_portable.c "$kernels"/kernels_neon.c -lm
"$emulator" "$folder/oracle"
