#!/usr/bin/env bash
# Says which share of the lines that a fuzz target is about its corpus covers:
# fuzz/coverage.sh [TARGET...]. It needs the compiler's own tools, once:
# rustup component add llvm-tools
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What each target is about.
declare -A about=(
    [chunked]='src/protocols/http/(chunked|stream)\.rs'
    [connection]='src/sansio/(connection|connection/.*|inbound|layer|line|outbound|phase|pool)\.rs'
    [event_loop]='src/drivers/event_loop(/.*)?\.rs'
    [http]='src/protocols/http/(chunked|date|deferred|head.*|reply.*|request|server|server/.*|stream|words)\.rs'
    [line]='src/protocols/line\.rs'
)
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(chunked connection event_loop http line)

tools=$(rustc --print sysroot)/lib/rustlib/$(rustc --version --verbose | sed -n 's/^host: //p')/bin
if [ ! -x "$tools/llvm-cov" ]; then
    echo "coverage: no llvm-cov; rustup component add llvm-tools" >&2
    exit 2
fi
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/coverage"
mkdir -p "$CARGO_TARGET_DIR"
CARGO_TARGET_DIR=$(realpath "$CARGO_TARGET_DIR")
export LLVM_PROFILE_FILE="$CARGO_TARGET_DIR/build.profraw" # Build scripts write one, too.
RUSTFLAGS="-Cinstrument-coverage" cargo build --quiet --package switchboard-fuzz --bins

for target in "${targets[@]}"; do
    raw=$CARGO_TARGET_DIR/$target.profraw
    LLVM_PROFILE_FILE=$raw "$CARGO_TARGET_DIR/debug/$target" "fuzz/corpus/$target"/*
    "$tools/llvm-profdata" merge --sparse "$raw" --output "$raw.data"
    mapfile -t files < <(git ls-files 'src/*.rs' | grep -xE "${about[$target]}" | grep -vE '(^|[/_])tests?(/|\.rs)')
    "$tools/llvm-cov" export --summary-only --instr-profile "$raw.data" \
        "$CARGO_TARGET_DIR/debug/$target" --sources "${files[@]}" |
        python3 -c '
import json, sys
lines = json.load(sys.stdin)["data"][0]["totals"]["lines"]
print("%-12s %5.1f %% of %d lines" % (sys.argv[1], lines["percent"], lines["count"]))' "$target"
done
