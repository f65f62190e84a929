#!/bin/sh
# Build the compiled kernels with AddressSanitizer and UndefinedBehaviorSanitizer in a copy of the tree, and test them:
#     sh tests/kernels/sanitize.sh
# PYTHON names the interpreter (it needs setuptools, numpy, pytest and hypothesis), CC the compiler.
set -e
PYTHON=${PYTHON:-python3}
CC=${CC:-gcc}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root/tinygrad_cnn" "$root/tests" "$root/setup.py" "$work"
[ ! -f "$root/setup.cfg" ] || cp "$root/setup.cfg" "$work"
cd "$work"
find . -name '_native*.so' -delete
TINYGRAD_CNN_NATIVE=1 TINYGRAD_CNN_CFLAGS="-g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer" \
    "$PYTHON" setup.py -q build_ext --inplace
ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
    LD_PRELOAD="$($CC -print-file-name=libasan.so) $($CC -print-file-name=libubsan.so)" \
    "$PYTHON" -m pytest -q -p no:cacheprovider  \
     tests/kernels/test_rows.py "$@"
