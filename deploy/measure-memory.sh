#!/usr/bin/env bash
# Why: a job is several processes that share libraries and a mapped store, so adding up their resident sizes counts
# much of it several times. The proportional set size (PSS) divides each page among those that have it; its sum over
# all processes is what the job takes of the machine.
#
#     deploy/measure-memory.sh COMMAND [ARGUMENT...]
#     deploy/measure-memory.sh .build/release/mf train --ratings store --model model --rank 64 --workers 2
#
# Runs the command and looks at it and all its descendants every 0.2 s. Tells on standard error the highest sum, how much
# of it was anonymous memory (what the system cannot take back), and the same of each process.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ $# -gt 0 ]] || fail "give the command to measure"
[[ -r /proc/self/smaps_rollup ]] || fail "this kernel has no /proc/PID/smaps_rollup (Linux 4.14 or later)"

# descendants PID: it and all below it.
descendants() {
    local child
    echo "$1"
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do descendants "$child"; done
}

"$@" &
root=$!
trap 'kill "$root" 2>/dev/null || true' INT TERM

peak=0 peak_anonymous=0 samples=0
declare -A peak_of anonymous_of
while kill -0 "$root" 2>/dev/null; do
    sum=0 anonymous=0
    for pid in $(descendants "$root"); do
        # A process may end at any moment.
        read -r pss pss_anonymous < <(awk '/^Pss:/ { p = $2 } /^Pss_Anon:/ { a = $2 } END { print p + 0, a + 0 }' \
            "/proc/$pid/smaps_rollup" 2>/dev/null || echo 0 0) || true
        name="$(cat "/proc/$pid/comm" 2>/dev/null || echo ended) $pid"
        sum=$((sum + ${pss:-0})) anonymous=$((anonymous + ${pss_anonymous:-0}))
        ((${pss:-0} > ${peak_of[$name]:-0})) && peak_of[$name]=$pss
        ((${pss_anonymous:-0} > ${anonymous_of[$name]:-0})) && anonymous_of[$name]=$pss_anonymous
    done
    ((sum > peak)) && peak=$sum
    ((anonymous > peak_anonymous)) && peak_anonymous=$anonymous
    samples=$((samples + 1))
    sleep 0.2
done
status=0
wait "$root" || status=$?

{
    echo "peak memory (PSS): $((peak >> 10)) MiB in all processes, of it anonymous at most $((peak_anonymous >> 10)) MiB; $samples samples"
    for name in "${!peak_of[@]}"; do
        echo "  ${name}: $((peak_of[$name] >> 10)) MiB, anonymous $((${anonymous_of[$name]:-0} >> 10)) MiB"
    done | sort
} >&2
exit "$status"
