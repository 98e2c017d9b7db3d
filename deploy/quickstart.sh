#!/usr/bin/env bash
# Why: from a fresh machine with a Swift toolchain to recommendations in one command:
#
#     deploy/quickstart.sh [--workers N]
#
# builds swift-mf, gets MovieLens 100K, trains on it with one coordinator and N workers (2 unless told otherwise), each
# a process of its own as they would be on several hosts, and shows the model's error and what it recommends.
# Everything it makes is in .build/quickstart; downloads are kept there for the next time.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

work=$repository/.build/quickstart
bin=$repository/.build/release
workers=2
user=42
processes=()

usage() { sed -nE '2,/^set /{/^#/s/^# ?(Why: )?//p}' "${BASH_SOURCE[0]}"; }

while (($#)); do
    case $1 in
        --workers)
            [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "error: --workers takes a number from 1 up" >&2; exit 64; }
            workers=$2
            shift 2
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            echo "error: unknown option $1; see --help" >&2
            exit 64
            ;;
    esac
done

# The processes this script has started end with it, whatever ends it.
end_processes() {
    local pid
    for pid in "${processes[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for _ in {1..100}; do
        local alive=0
        for pid in "${processes[@]}"; do if kill -0 "$pid" 2>/dev/null; then alive=1; fi; done
        ((alive)) || return 0
        sleep 0.1
    done
    for pid in "${processes[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
}
trap end_processes EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# fetch URL FILE: downloads, giving up soon where there is no way out.
fetch() {
    have curl || have wget || install curl ca-certificates || return 1
    if have curl; then
        curl -fsSL --connect-timeout 5 --max-time 60 -o "$2" "$1"
    else
        wget -q --tries=1 --connect-timeout=5 --read-timeout=30 -O "$2" "$1"
    fi
}

# unpack ZIP FOLDER
unpack() {
    if have python3; then
        python3 -m zipfile -e "$1" "$2"
    else
        have unzip || install unzip || return 1
        unzip -qo "$1" -d "$2"
    fi
}

# Each of these sets `ratings` and `titles`, or returns 1.
from_grouplens() {
    local folder=$work/ml-100k
    if [[ ! -e $folder/complete ]]; then
        echo "trying GroupLens"
        fetch https://files.grouplens.org/datasets/movielens/ml-100k.zip "$work/ml-100k.zip" || return 1
        unpack "$work/ml-100k.zip" "$work" || return 1
        [[ $(wc -l <"$folder/u.data") -eq 100000 ]] || return 1
        touch "$folder/complete"
    fi
    ratings=$folder/u.data
    titles=$folder/u.item
    source_name="MovieLens 100K, from GroupLens"
}

from_pypi() {
    local folder=$work/recbole/recbole/dataset_example/ml-100k
    if [[ ! -e $folder/complete ]]; then
        echo "trying PyPI, whose package recbole carries a copy"
        python3 -m pip --version >/dev/null 2>&1 || install python3-pip || return 1
        python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --timeout 10 --retries 1 \
            --dest "$work" recbole==1.2.1 || return 1
        unpack "$work"/recbole-1.2.1-*.whl "$work/recbole" || return 1
        [[ $(wc -l <"$folder/ml-100k.inter") -eq 100001 ]] || return 1
        touch "$folder/complete"
    fi
    ratings=$folder/ml-100k.inter
    titles=$folder/ml-100k.item
    source_name="MovieLens 100K, from the PyPI package recbole"
}

# A planted signal of rank 3 with biases and noise of 0.6 stars, rounded to whole stars.
from_generator() {
    ratings=$work/generated.tsv
    titles=$work/generated-titles.tsv
    source_name="generated ratings, because MovieLens could not be downloaded"
    awk -v titles="$titles" '
        function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
        BEGIN {
            srand(1)
            users = 900; items = 1500; rank = 3
            for (i = 1; i <= items; i++) {
                itemBias[i] = 0.4 * normal()
                for (k = 1; k <= rank; k++) v[i, k] = 0.6 * normal()
                print i "\tGenerated film " i > titles
            }
            for (u = 1; u <= users; u++) {
                bias = 0.4 * normal()
                for (k = 1; k <= rank; k++) w[k] = 0.8 * normal()
                for (i = 1; i <= items; i++) {
                    if (rand() * (1 + i / 150) > 0.25) continue   # the first films are rated most
                    r = 3.5 + bias + itemBias[i] + 0.6 * normal()
                    for (k = 1; k <= rank; k++) r += w[k] * v[i, k]
                    r = int(r + 0.5)
                    print u "\t" i "\t" (r < 1 ? 1 : r > 5 ? 5 : r)
                }
            }
        }' >"$ratings"
}

# The first port from 5555 on that nobody listens at.
free_port() {
    local port
    for port in {5555..5655}; do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail "every port of 127.0.0.1 from 5555 to 5655 is taken"
}

# train: one coordinator, which reports to this terminal, and the workers, which write to logs.
train() {
    local endpoint number coordinator pid
    endpoint=tcp://127.0.0.1:$(free_port)
    "$bin/mf-coordinator" --ratings "$work/store" --model "$work/model" --listen "$endpoint" --min-workers "$workers" \
        --rank 32 --regularization 0.1 --regularization-scaling count --sweeps 30 &
    coordinator=$!
    processes+=("$coordinator")
    for ((number = 1; number <= workers; number++)); do
        "$bin/mf-worker" --coordinator "$endpoint" --threads 1 >"$work/worker-$number.log" 2>&1 &
        processes+=("$!")
    done
    echo "coordinator: process $coordinator at $endpoint; workers: processes ${processes[*]:1}"
    # A coordinator whose workers have all died would wait for new ones.
    while kill -0 "$coordinator" 2>/dev/null; do
        local alive=0
        for pid in "${processes[@]:1}"; do if kill -0 "$pid" 2>/dev/null; then alive=1; fi; done
        if ((!alive)); then
            # They also end when the job is done, just before the coordinator.
            for _ in {1..50}; do
                kill -0 "$coordinator" 2>/dev/null || break 2
                sleep 0.2
            done
            tail -n 5 "$work"/worker-*.log >&2
            fail "all workers have ended before the job; their last words are above"
        fi
        sleep 0.2
    done
    wait "$coordinator" || fail "the coordinator ended with code $?; the workers' logs are $work/worker-*.log"
}

mkdir -p "$work"
rm -f "$work"/worker-*.log
require_tools

say "Building swift-mf for release"
build "$work/build.log"

say "Getting ratings"
from_grouplens || from_pypi || from_generator
echo "ratings: $source_name"

say "Importing them, one in ten held out"
"$bin/mf" import --input "$ratings" --output "$work/store" --holdout 0.1 --seed 1

say "Training with one mf-coordinator and $workers mf-worker processes over TCP"
train

say "Measuring the model on the held-out ratings"
"$bin/mf" evaluate --model "$work/model" --ratings "$work/store"

say "Recommending to user $user"
"$bin/mf" recommend --model "$work/model" --user "$user" --count 10 --seen "$work/store" --titles "$titles"

say "Done"
echo "the model: $work/model (look into it with: $bin/mf inspect $work/model)"
