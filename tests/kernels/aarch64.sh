#!/bin/sh
# Build the compiled kernels for aarch64 and run the kernels' tests under qemu's emulation of one process, on an x86
# machine with Debian 12:
#     apt-get install qemu-user gcc-aarch64-linux-gnu
#     dpkg --add-architecture arm64 && apt-get update
#     sh tests/kernels/aarch64.sh [arguments of pytest]
# An aarch64 Python and its libraries are unpacked (not installed) into a folder outside the repository, $WORK, and
# NumPy and pytest for aarch64 beside them; a second run uses them again.  PIP names a pip.  Speed says nothing here.
set -e
WORK=${WORK:-${TMPDIR:-/tmp}/tinygrad_cnn_aarch64}
PIP=${PIP:-python3 -m pip}
root=$(cd "$(dirname "$0")/../.." && pwd)
system=$WORK/system
if [ ! -e "$system/usr/bin/python3.11" ]; then
    mkdir -p "$WORK/packages" "$system"
    (cd "$WORK/packages" && for name in python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libpython3.11-dev \
        libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1 libncursesw6 \
        libtinfo6 libreadline8 libssl3 libcrypt1; do apt-get -q download "$name:arm64"; done)
    for package in "$WORK"/packages/*.deb; do dpkg-deb -x "$package" "$system"; done
fi
site=$system/usr/lib/python3/dist-packages
[ -e "$site/numpy" ] || $PIP install -q --target "$site" --platform manylinux_2_28_aarch64 \
    --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 --python-version 3.11 --only-binary=:all: \
    'numpy>=2' pytest hypothesis graphviz safetensors
# Python starts itself again in some tests: by this name, which calls the emulator.
cat >"$WORK/python" <<END
#!/bin/sh
PYTHONHOME=$system/usr exec qemu-aarch64 -L $system -0 $WORK/python $system/usr/bin/python3.11 "\$@"
END
chmod +x "$WORK/python"
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp -r "$root/tinygrad_cnn" "$root/tests" "$root/setup.cfg" "$tree"
cd "$tree"
find . -name '_native*.so' -delete
native=tinygrad_cnn/kernels/native
aarch64-linux-gnu-gcc -std=gnu11 -O3 -g0 -ffp-contract=fast -fno-math-errno -fvisibility=hidden -pthread -Wno-psabi \
    -fPIC -shared -DTG_VERSION="$(sed -n 's/^VERSION = \([0-9]*\).*/\1/p' $native/__init__.py)" '-DTG_ISAS=X(base)' \
    -DTG_ISA=base -I"$system/usr/include" -I"$system/usr/include/python3.11" \
    $native/*.c -o $native/_native.cpython-311-aarch64-linux-gnu.so
PYTHONPATH=$tree "$WORK/python" -m pytest -q -p no:cacheprovider \
    --deselect tests/kernels/test_shadow.py::test_info_says_so "${@:-tests/kernels}"  # it needs the extra "app"
