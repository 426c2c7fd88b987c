#!/usr/bin/env bash
# Builds the fuzz targets and runs them: fuzz/run.sh [SECONDS] [TARGET...]
# Ten seconds of each, unless told otherwise; none at all with 0, which only builds. What is found new goes to
# target/fuzz/found/TARGET; a failure leaves its input in target/fuzz/failures/.
#
# Rust's own coverage pass and libFuzzer's driver do, on the stable compiler:
# no cargo-fuzz, and no sanitizer, which code without `unsafe` hardly misses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=10
if [[ "${1:-}" =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
    for file in fuzz/src/bin/*.rs; do
        targets+=("$(basename "$file" .rs)")
    done
fi

host=$(rustc --version --verbose | sed -n 's/^host: //p')
# A folder of its own: these flags would have everything else built anew. Naming the host keeps
# them off build scripts.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/fuzz"
export RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Ccodegen-units=1 -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
bins=()
for target in "${targets[@]}"; do
    bins+=(--bin "$target")
done
cargo build --quiet --profile fuzz --package switchboard-fuzz --target "$host" "${bins[@]}"
[ "$seconds" -gt 0 ] || exit 0

for target in "${targets[@]}"; do
    found=$CARGO_TARGET_DIR/found/$target
    failures=$CARGO_TARGET_DIR/failures/$target
    mkdir -p "$found" "$failures"
    printf '== %s, %s seconds\n' "$target" "$seconds"
    log=$CARGO_TARGET_DIR/$target.log
    dictionary=()
    [ ! -e "fuzz/$target.dict" ] || dictionary=(-dict="fuzz/$target.dict")
    if ! "$CARGO_TARGET_DIR/$host/fuzz/$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
        -print_final_stats=1 -artifact_prefix="$failures/" "${dictionary[@]}" \
        "$found" "fuzz/corpus/$target" >"$log" 2>&1; then
        tail -n 40 "$log"
        echo "fuzz: $target failed; its input is in $failures, all it said in $log" >&2
        exit 1
    fi
    # The last line of progress, and how fast it was.
    grep -E '^#[0-9]+.*DONE' "$log" | tail -n 1
    grep 'stat::average_exec_per_sec' "$log"
done
