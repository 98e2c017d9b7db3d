#!/usr/bin/env bash
# Why: whatever reads bytes of others is fuzzed with the toolchain's own fuzzer and address sanitizer:
#
#     deploy/fuzz.sh TARGET [--seconds N]        ratings, array, json, message, block, key, or all
#
# Builds in .build-fuzz, keeps what it learns in .build-fuzz/corpus/TARGET, and ends with an error when it finds something.
# The input is then in .build-fuzz/found: mend the reader and keep the input in Tests/FuzzTests/Hostile/TARGET, under a name
# that says what is wrong with it. The tests replay what is there, and the fuzzer begins with it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$repository"

targets=(ratings array json message block key)
target=${1:-}
seconds=30
[[ ${2:-} == --seconds ]] && seconds=${3:-30}
[[ $target == all ]] || [[ " ${targets[*]} " == *" $target "* && -n $target ]] || {
    echo "usage: deploy/fuzz.sh TARGET|all [--seconds N], where TARGET is one of: ${targets[*]}" >&2
    exit 64
}
[[ $target == all ]] || targets=("$target")

say "Building for fuzzing"
mkdir -p .build-fuzz/found
log=.build-fuzz/build.log
# Objects only: the fuzzer brings its own main, and no program of ours is linked.
swift build --build-path .build-fuzz -c release --target FuzzTargets \
    -Xswiftc -sanitize=fuzzer,address -Xcc -fsanitize=address >"$log" 2>&1 || { tail -30 "$log"; exit 1; }
objects=()
for module in .build-fuzz/release/*.build; do
    case $(basename "$module") in
    *-tool.build | ArgumentParser* | TestKit.build | *Tests.build | mf*.build) ;;
    *) while read -r object; do objects+=("$object"); done < <(find "$module" -name '*.o') ;;
    esac
done
swiftc -sanitize=fuzzer,address -o .build-fuzz/fuzz "${objects[@]}" -lzmq 2>.build-fuzz/link.log ||
    { tail -30 .build-fuzz/link.log; exit 1; }

# Fuzzes one target.
fuzz() {
    local target=$1 seconds=$2 corpus=.build-fuzz/corpus/$1
    mkdir -p "$corpus"
    # Swift's own report of a crash takes a minute with the sanitizer; the fuzzer's is enough.
    SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 MF_FUZZ_TARGET=$target MF_FUZZ_SEEDS=$corpus \
        .build-fuzz/fuzz "$corpus" "Tests/FuzzTests/Hostile/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix=".build-fuzz/found/$target-" -print_final_stats=1 >".build-fuzz/$target.log" 2>&1 || {
        grep -aE "ERROR|SUMMARY|Test unit written|Fatal error" ".build-fuzz/$target.log" || tail -20 ".build-fuzz/$target.log"
        echo "$target: found something: mend it, and keep the input in Tests/FuzzTests/Hostile/$target" >&2
        return 1
    }
    awk -v target="$target" '/stat::number_of_executed_units/ { n = $2 } /stat::average_exec_per_sec/ { r = $2 }
        END { print target ": " n " inputs, " r " a second, nothing found" }' ".build-fuzz/$target.log"
}
export -f fuzz

say "Fuzzing ${targets[*]} for $seconds s each, two at a time"
# xargs ends with an error when any of them does.
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'fuzz "$@"' fuzz {} "$seconds"
