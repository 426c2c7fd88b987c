#!/usr/bin/env bash
# Plants bugs, one at a time, in a copy of the sources, and says how many seeds it took to find
# each: fuzz/plant.sh [NAME...]. Fails if one is not found, or if its patch no longer applies.
#
# Each bug is a patch in fuzz/planted/, whose first line says what is wrong with it. The code
# itself carries no trace of them. SWITCHBOARD_SEEDS says how many seeds are tried at most.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export SWITCHBOARD_SEEDS="${SWITCHBOARD_SEEDS:-1000}"
# Dependencies are built once, the library anew for each bug.
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")/planted
export CARGO_TARGET_DIR
export RUST_BACKTRACE=0
tree=$CARGO_TARGET_DIR/tree
names=("$@")
if [ "${#names[@]}" -eq 0 ]; then
    for file in fuzz/planted/*.patch; do
        names+=("$(basename "$file" .patch)")
    done
fi

# The scenario that must find it; for what threads do, the model of them.
hunt() {
    if [ "$1" = late_flag ]; then
        RUSTFLAGS="--cfg loom" cargo test --quiet --package switchboard-loom --target-dir "$CARGO_TARGET_DIR/loom"
    else
        cargo test --quiet --test simulation -- mixed
    fi
}

missed=0
for name in "${names[@]}"; do
    patch=$PWD/fuzz/planted/$name.patch
    log=$CARGO_TARGET_DIR/$name.log
    rm -rf "$tree"
    mkdir -p "$tree"
    git ls-files -z | xargs -0 cp --parents --target-directory "$tree"
    if ! patch --directory "$tree" --strip 1 --batch --forward --fuzz 0 <"$patch" >"$log"; then
        echo "plant: $patch no longer applies; make it anew. See $log" >&2
        missed=1
        continue
    fi
    if ! (cd "$tree" && cargo check --quiet --package switchboard --lib) >"$log" 2>&1; then
        echo "plant: $name does not compile; make it anew. See $log" >&2
        missed=1
    elif ! (cd "$tree" && hunt "$name") >"$log" 2>&1; then
        # What the simulation found, or else a panic under it, or else what the model found.
        found=$(grep -m 1 -oE 'seed [0-9]+: .*' "$log" || grep -m 1 -oE 'seed [0-9]+, .*' "$log" ||
            grep -m 1 -oE 'deadlock' "$log" || true)
        seed=$(sed -nE 's/^seed ([0-9]+).*/\1/p' <<<"$found")
        if [ -n "$seed" ]; then
            printf '%-18s found after %4d seeds: %.80s\n' "$name" "$((seed + 1))" "${found#seed*[:,] }"
        elif [ -n "$found" ]; then
            printf '%-18s found: %s\n' "$name" "$found"
        else
            echo "plant: $name failed in a way that is not understood; see $log" >&2
            missed=1
        fi
    else
        printf '%-18s NOT FOUND in %s seeds; see %s\n' "$name" "$SWITCHBOARD_SEEDS" "$log"
        missed=1
    fi
done
exit "$missed"
