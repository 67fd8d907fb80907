#!/usr/bin/env bash
# Fuzz the decoders under AddressSanitizer and UndefinedBehaviorSanitizer:
#   csrc/fuzz/run.sh SECONDS [TARGET...]
# runs each target (csrc/fuzz/fuzz_TARGET.c; all of them if none is named) for so long and prints how
# often it ran and what it found. Inputs that were of interest stay in build-fuzz/corpus for the next
# time, those that crash in build-fuzz/findings. JOBS targets run at a time (default: one). Needs clang
# with its runtimes (Debian: clang and libclang-rt-14-dev) and an environment with the extra "test" and
# meson (BIN, default: .venv/bin).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:?for how many seconds?}
shift
bin=${BIN:-.venv/bin}
export CC=${CLANG:-clang}
build=build-fuzz

if ! command -v "$CC" >/dev/null; then
    echo "$0: no $CC here; on Debian: apt-get install clang libclang-rt-14-dev" >&2
    exit 1
fi
if (($# == 0)); then
    for source in csrc/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        set -- "$@" "${name%.c}"
    done
fi
mkdir -p "$build"/{corpus,findings,logs}
[ -f "$build/meson/build.ninja" ] || CFLAGS=-fsanitize=fuzzer-no-link "$bin/meson" setup \
    "$build/meson" --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false \
    >"$build/logs/setup" 2>&1 || { cat "$build/logs/setup" && exit 1; }
"$bin/meson" compile -C "$build/meson" "${@/#/fuzz_}" >"$build/logs/compile" 2>&1 || {
    cat "$build/logs/compile" && exit 1
}
"$bin/python" csrc/fuzz/make_corpus.py "$build/corpus"

# Run one target, and say in one piece what came of it.
fuzz() {
    local target=$1 log=$build/logs/$1 status=0 runs covered kept result="nothing found"
    ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        "$build/meson/csrc/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=16384 \
        -rss_limit_mb=512 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$build/findings/$target-" "$build/corpus/$target" >"$log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(grep -aoE 'cov: [0-9]+' "$log" | tail -n 1 || true)
    kept=$(find "$build/corpus/$target" -type f | wc -l)
    if ((status)); then
        result="FOUND SOMETHING, see $log
$(grep -aE 'ERROR|SUMMARY|runtime error|not true|Test unit written' "$log" || tail -n 5 "$log")"
    fi
    printf '%-15s %10s executions, %s, %s inputs kept: %s\n' \
        "$target" "${runs:-0}" "${covered:-cov: 0}" "$kept" "$result"
    return $status
}
export -f fuzz
export build seconds
printf '%s\0' "$@" | xargs -0 -P "${JOBS:-1}" -I{} bash -c 'fuzz {}'
