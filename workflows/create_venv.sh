#!/bin/sh
# Create the virtual environment .venv: sh workflows/create_venv.sh .venv
#
# Takes the interpreter that PYTHON names, or the first of python3, python3.13, ... that is new
# enough, one that is complete (ensurepip, Python.h) before one that is not. A plain Debian python3
# is not: what it lacks is unpacked from Debian's own packages into the environment, without root
# and without a change to the system.
set -eu
venv=$1

[ -e "$venv" ] && before=yes || before=no
say() { printf '%s\n' "$*" >&2; }
fail() {
    say "$*"
    [ "$before" = yes ] || rm -rf "$venv"
    exit 1
}

# Prints "complete", or what is missing; fails when the interpreter is too old or does not run.
probe() {
    "$1" - 2>/dev/null <<'PYTHON'
import pathlib
import sys
import sysconfig

if sys.version_info < (3, 11) or sys.implementation.name != "cpython":
    sys.exit(1)
missing = []
try:
    import venv
except ImportError:
    missing.append("venv")
try:
    import ensurepip
    ensurepip.version()
except (ImportError, AttributeError, RuntimeError, StopIteration):
    missing.append("ensurepip")
if not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists():
    missing.append("Python.h")
print(" ".join(missing) or "complete")
PYTHON
}

python= missing=
for candidate in ${PYTHON:-python3 python3.13 python3.14 python3.12 python3.11 python}; do
    found=$(probe "$candidate") || continue
    if [ "$found" = complete ]; then
        python=$candidate missing=
        break
    elif [ -z "$python" ]; then
        python=$candidate missing=$found
    fi
done
[ -n "$python" ] || fail "No CPython 3.11 or newer: tried ${PYTHON:-python3, python3.13, python3.14, \
python3.12, python3.11, python}. Install one, or name it: make PYTHON=/path/to/python3.12"
compiler=${CC:-gcc}
command -v "${compiler%% *}" >/dev/null || fail "No C compiler: $compiler is not on the PATH. \
Install gcc, or name another one: make CC=clang"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
say "Creating $venv with $("$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')"

if [ -z "$missing" ]; then
    "$python" -m venv "$venv"
    exit
fi

advice="Install what is missing (Debian, Ubuntu: apt-get install python$version-venv \
python$version-dev), or name a complete interpreter: make PYTHON=/path/to/python3.12"
case " $missing " in *" venv "*) fail "$python has no venv module. $advice" ;; esac
command -v apt-get dpkg-deb >/dev/null || fail "$python lacks $missing. $advice"
say "$python lacks $missing: taking it from Debian's packages, into $venv only"
"$python" -m venv --without-pip "$venv"
mkdir -p "$venv/debian/state/lists/partial" "$venv/debian/cache/archives/partial"
system=$(cd "$venv/debian" && pwd)
(
    cd "$system"
    set -- -q -o Dir::State="$system/state" -o Dir::State::status=/var/lib/dpkg/status \
        -o Dir::Cache="$system/cache" -o Debug::NoLocking=1 -o APT::Sandbox::User=
    {
        apt-get "$@" update &&
            apt-get "$@" download "libpython$version-dev" python3-pip-whl
    } >log 2>&1 || { cat log >&2; exit 1; }
    for package in *.deb; do dpkg-deb -x "$package" .; done
    rm -rf state cache ./*.deb
) || fail "Debian's packages could not be fetched. $advice"

wheel=$(echo "$system"/usr/share/python-wheels/pip-*.whl)
PYTHONPATH=$wheel "$venv/bin/python" -m pip install -q --no-index "$wheel"
triplet=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("MULTIARCH") or "")')
headers=$system/usr/include
[ -f "$headers/python$version/Python.h" ] || fail "libpython$version-dev has no Python.h. $advice"
# Debian's pyconfig.h includes <triplet/pythonX.Y/pyconfig.h>.
echo "-isystem $headers/python$version -isystem $headers -isystem $headers/$triplet" \
    >"$venv/cflags"
