#!/usr/bin/env bash
# Everything that must hold before a commit, in the order in which it is
# cheapest to find out. `--quick` skips the feature matrix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

quick=no
for option in "$@"; do
    case "$option" in
        --quick) quick=yes ;;
        *)
            echo "check.sh: unknown option '$option' (there is only --quick)" >&2
            exit 2
            ;;
    esac
done

# Says what is checked, then checks it.
step() {
    local heading=$1
    shift
    printf '\n== %s\n' "$heading"
    "$@"
}

step "format" \
    cargo fmt --all --check

step "clippy: workspace" \
    cargo clippy --workspace --all-targets -- -D warnings
if [ "$quick" = no ]; then
    step "clippy: library without features" \
        cargo clippy --package switchboard --all-targets --no-default-features -- -D warnings
    for feature in http signals simulation calloop tokio; do
        step "clippy: library with '$feature' alone" \
            cargo clippy --package switchboard --all-targets --no-default-features --features "$feature" -- -D warnings
    done
    step "clippy: forks without features" \
        cargo clippy --package switchboard-forks --all-targets --no-default-features -- -D warnings
    step "clippy: on mio's poll(2)" \
        env RUSTFLAGS="--cfg mio_unsupported_force_poll_poll" CARGO_TARGET_DIR=target/poll \
        cargo clippy --workspace --all-targets -- -D warnings
    step "clippy: workspace with all features" \
        cargo clippy --workspace --all-targets --all-features -- -D warnings
fi

# Documentation tests are part of it.
step "tests" \
    cargo test --workspace
if [ "$quick" = no ]; then
    step "tests: on mio's poll(2)" \
        env RUSTFLAGS="--cfg mio_unsupported_force_poll_poll" \
        RUSTDOCFLAGS="--cfg mio_unsupported_force_poll_poll" CARGO_TARGET_DIR=target/poll \
        cargo test --workspace
fi

if command -v valgrind >/dev/null; then
    step "instruction counts" \
        bench/counts/run.sh
else
    printf '\n== instruction counts: skipped, valgrind is not installed\n'
fi
if [ "$quick" = no ]; then
    step "bench/counts: clippy" \
        env CARGO_TARGET_DIR=target/counts \
        cargo clippy --manifest-path bench/counts/Cargo.toml --all --all-targets -- -D warnings
    step "bench/counts: tests" \
        env CARGO_TARGET_DIR=target/counts \
        cargo test --manifest-path bench/counts/Cargo.toml --package switchboard-counts --lib
fi

step "mailbox under loom" \
    env RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom \
    cargo test --package switchboard-loom
if [ "$quick" = no ]; then
    step "fuzz: five seconds of each target" \
        fuzz/run.sh 5
    step "planted bugs are found" \
        fuzz/plant.sh
fi

step "rustdoc" \
    env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

step "examples" \
    cargo build --workspace --examples

step "bench/limit.c" \
    cc -O2 -Wall -Wextra -Werror -o /dev/null bench/limit.c
for library in event uv; do
    header=$([ "$library" = event ] && echo event2/event.h || echo uv.h)
    if echo "#include <$header>" | cc -E - >/dev/null 2>&1; then
        step "bench/peers/c/lib$library.c" \
            cc -O2 -Wall -Wextra -Werror -o /dev/null "bench/peers/c/lib$library.c" "-l$library"
    fi
done
if [ "$quick" = no ]; then
    step "bench/peers: clippy" \
        cargo clippy --locked --manifest-path bench/peers/Cargo.toml --target-dir target/peers --all-targets -- -D warnings
    step "bench/peers: they answer" \
        cargo test --locked --manifest-path bench/peers/Cargo.toml --target-dir target/peers
fi
if pkg-config --exists glib-2.0; then
    step "glib: clippy" \
        cargo clippy --locked --manifest-path glib/Cargo.toml --all-targets -- -D warnings
    step "glib: tests" \
        cargo test --locked --manifest-path glib/Cargo.toml
fi

# `rust-version` is older than the one toolchain we can count on, so this stands in for a build
# with it: clippy knows since when each item of `std` is stable.
step "minimum Rust version" \
    cargo clippy --workspace --all-targets --all-features -- -D clippy::incompatible_msrv

printf '\n== all checks passed\n'
