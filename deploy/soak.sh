#!/usr/bin/env bash
# Why: what goes wrong once in ten thousand runs is found by running more of them:
#
#     deploy/soak.sh [--seeds N] [--minutes M] [--first SEED]
#
# runs the simulated cluster with N seeds (10000), or for M minutes, from SEED on. A seed that fails is printed with
# the command that replays it; with --seeds 1 the faults and what the coordinator did are printed, too.
#
#     deploy/soak.sh --ratings FILE [--runs N] [--seed S]
#
# runs the real programs on a rating file instead, and kills and freezes them (soak-processes.py).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$repository"

if [[ ${1:-} == --ratings ]]; then
    require_tools
    say "Building for release"
    build .build/test/build.log --build-tests
    exec python3 deploy/soak-processes.py "$@"
fi

seeds=
minutes=
first=0
while (($#)); do
    [[ $1 =~ ^--(seeds|minutes|first)$ && ${2:-} =~ ^[0-9]{1,15}$ ]] ||
        fail "usage: deploy/soak.sh [--seeds N] [--minutes M] [--first SEED], or --ratings FILE [--runs N] [--seed S]"
    printf -v "${1#--}" '%s' "$((10#$2))"
    shift 2
done
[[ -n $seeds || -n $minutes ]] || seeds=10000
((${seeds:-1} > 0 && ${minutes:-1} > 0)) || fail "give at least one seed and one minute"

require_tools
say "Building for release"
build .build/test/build.log --build-tests

# run FIRST COUNT
run() {
    MF_FIRST_SEED=$1 MF_SEEDS=$2 swift test -c release --skip-build --disable-xctest --filter FaultSimulationTests
}

if [[ $seeds == 1 ]]; then
    export MF_TRACE=1
    run "$first" 1
    exit
fi

say "Simulating from seed $first${seeds:+, $seeds seeds}${minutes:+, $minutes minutes}"
done=0
# A round takes seconds.
while { [[ -z $seeds ]] || ((done < seeds)); } && { [[ -z $minutes ]] || ((SECONDS < 60 * minutes)); }; do
    count=5000
    if [[ -n $seeds ]] && ((seeds - done < count)); then count=$((seeds - done)); fi
    log=.build/test/soak.log
    if ! run $((first + done)) "$count" >"$log" 2>&1; then
        grep -aE 'recorded an issue|replay it' "$log" >&2 || tail -n 20 "$log" >&2
        fail "some seeds failed; all of it is in $log"
    fi
    done=$((done + count))
    echo "$done seeds passed in $SECONDS s"
done
