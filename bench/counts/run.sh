#!/usr/bin/env bash
# Counts the instructions of each path in benches/counts.rs under callgrind, and fails if one
# takes more than 2 % more than baseline.txt says: bench/counts/run.sh [--bless]
#
# --bless writes a new baseline instead: after a growth that is worth it, after a change that
# makes a path cheaper (or its gain could be lost again unseen), and after a change of compiler.
#
# The counts are gungraun's. Its own baselines are profiles with the paths of one machine in them,
# not to be committed; so baseline.txt is ours, and gungraun is given limits made from it. Its
# runner is built here, from the same lock file as its library.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# cargo looks for settings from here upwards.
cd "$here/../.."

bless=no
case "${1:-}" in
    "") ;;
    --bless) bless=yes ;;
    *)
        echo "run.sh: unknown option '$1' (there is only --bless)" >&2
        exit 2
        ;;
esac

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/counts"
counts=(cargo bench --quiet --manifest-path bench/counts/Cargo.toml --package switchboard-counts
    --bench counts --)
cargo build --quiet --manifest-path bench/counts/Cargo.toml --package switchboard-counts-runner
export GUNGRAUN_RUNNER=$CARGO_TARGET_DIR/debug/switchboard-counts-runner
export GUNGRAUN_HOME=$CARGO_TARGET_DIR/gungraun
compiler=$(rustc --version)
baseline=bench/counts/baseline.txt

if [ "$bless" = yes ]; then
    raw=$CARGO_TARGET_DIR/counts.json
    SWITCHBOARD_BLESS=1 "${counts[@]}" --output-format=json >"$raw"
    {
        printf '# Instructions of each path in benches/counts.rs, written by run.sh --bless.\n'
        printf '# %s, %s\n' "$compiler" "$(valgrind --version)"
        sed -n 's/.*"function_name":"\([a-z_]*\)".*"values":{"new":\([0-9]*\).*/\1 \2/p' "$raw"
    } >"$CARGO_TARGET_DIR/baseline.txt"
    if [ "$(grep -c '^[a-z]' "$CARGO_TARGET_DIR/baseline.txt")" -ne \
        "$(grep -c '^#\[library_benchmark' bench/counts/benches/counts.rs)" ]; then
        echo "run.sh: not every path was counted; see $raw" >&2
        exit 1
    fi
    diff "$baseline" "$CARGO_TARGET_DIR/baseline.txt" || true
    mv "$CARGO_TARGET_DIR/baseline.txt" "$baseline"
elif ! "${counts[@]}" --nosummary=true; then
    echo "counts: a path takes more than 2 % more instructions than $baseline says" >&2
    echo "counts: it was taken with $(sed -n '2s/^# //p' "$baseline"); this is $compiler" >&2
    exit 1
fi
