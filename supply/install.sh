#!/bin/sh
# Installs goodpart from this folder, without a network: sh install.sh [--slim|--station] FOLDER
#
# FOLDER becomes a Python environment, whole or not at all. --slim leaves out OpenCV (PNG, JPEG, TIFF, overlays) and
# cryptography (signed bundles). --station adds goodpart-station, which needs Python 3.11 or later.
# PYTHON=/path/to/python3 names a Python other than the first python3.
set -eu
umask 022

refuse() {
    echo "install.sh: $*" >&2
    exit 2
}

# what a file is called must not command the terminal
shown() { printf '%s' "$1" | LC_ALL=C tr -c '[:print:]' '?'; }

last_line() { printf '%s\n' "$1" | grep . | tail -n 1; }

requirements=requirements.txt
programs=goodpart needs=''
case ${1:-} in
    --slim)
        requirements=requirements-slim.txt
        shift
        ;;
    --station)
        requirements=requirements-station.txt
        programs="goodpart goodpart-station" needs="; goodpart-station needs Python 3.11 or later"
        shift
        ;;
esac
case $#:${1:-} in
    1:-* | 1:) refuse "expected: sh install.sh [--slim|--station] FOLDER" ;;
    1:*) target=$1 ;;
    *) refuse "expected: sh install.sh [--slim|--station] FOLDER" ;;
esac
[ ! -e "$target" ] || refuse "$target: expected a new folder, found an existing one; name another or remove it"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

echo "== check: every file against SHA256SUMS"
command -v sha256sum > /dev/null || refuse "expected the program sha256sum, found none; install coreutils"
[ -f "$here/SHA256SUMS" ] || refuse "$here: expected SHA256SUMS, found none; copy the wheelhouse again"
if ! sums=$(cd "$here" && sha256sum -c SHA256SUMS 2> /dev/null); then
    bad=$(printf '%s\n' "$sums" | grep -v ': OK$' | head -n 1)
    refuse "$here: expected the files of SHA256SUMS, found ${bad:-a damaged SHA256SUMS}; copy the wheelhouse again"
fi
# a file that the list does not name would not be checked, and pip might take it: of two wheels, the newer one
odd=$(cd "$here" && { grep -v '^[0-9a-f]\{64\}  [A-Za-z0-9]' SHA256SUMS || :; find . ! -type f ! -type d; } | head -n 1)
[ -z "$odd" ] || refuse "$here: expected plain files and a plain SHA256SUMS, found $(shown "$odd"); copy the wheelhouse again"
listed=$(cd "$here" && sed 's/^[0-9a-f]*  //' SHA256SUMS | LC_ALL=C sort)
there=$(cd "$here" && find . -type f ! -path ./SHA256SUMS ! -path ./SHA256SUMS.sig | sed 's|^\./||' | LC_ALL=C sort)
if [ "$there" != "$listed" ]; then
    extra=$(printf '%s\n' "$there" | grep -vxF -e "$listed" | head -n 1)
    refuse "$here: expected the files of SHA256SUMS alone, found $(shown "${extra:-one named twice}") as well; copy the wheelhouse again"
fi

echo "== check: this PC"
python='' machine='' glibc_minor='' # built-for says them
# shellcheck source=/dev/null
. "$here/built-for"
[ -z "$needs" ] || [ -f "$here/$requirements" ] ||
    refuse "$here: expected a wheelhouse with goodpart-station, found one for Python $python without it; make it with Python 3.11 or later"
PYTHON=${PYTHON:-python3}
found=$("$PYTHON" -I -c '
import platform, sys
libc, version = platform.libc_ver()
print("%d.%d" % sys.version_info[:2], platform.machine(), version.split(".")[1] if libc == "glibc" else 0)
' 2> /dev/null) || refuse "$PYTHON: expected Python $python, found none that runs; name one with PYTHON=/path/to/python$python$needs"
[ "${found% *}" = "$python $machine" ] ||
    refuse "$PYTHON: expected Python $python on $machine, found ${found% *}; name another with PYTHON=, or make a wheelhouse for this PC$needs"
[ "${found##* }" -ge "$glibc_minor" ] ||
    refuse "this PC: expected glibc 2.$glibc_minor or later, found 2.${found##* } (2.0: none); make the wheelhouse on a system as old as this PC"

# pip runs before it can check anything, itself included
pip_wheel=$(sed -n 's/^pip==\([0-9a-z.]*\) --hash=sha256:[0-9a-f]*$/pip-\1-py3-none-any.whl/p' "$here/$requirements")
pip_sha256=$(sed -n 's/^pip==[0-9a-z.]* --hash=sha256:\([0-9a-f]*\)$/\1/p' "$here/$requirements")
printf '%s  %s\n' "$pip_sha256" "$here/wheels/$pip_wheel" | sha256sum -c > /dev/null 2>&1 ||
    refuse "$here: expected the pip wheel of $requirements, found another or none; copy the wheelhouse again"

echo "== install: $target"
trap 'rm -rf -- "$target"' EXIT
trap 'echo "install.sh: interrupted; nothing half-installed is left" >&2; exit 130' HUP INT TERM
# pip comes as a wheel, so that this needs neither ensurepip nor a young pip on the PC
said=$("$PYTHON" -I -m venv --without-pip "$target" 2>&1) || refuse "$target: expected a place for an environment, found: $(last_line "$said")"
target=$(cd -- "$target" && pwd)
pip=$here/wheels/$pip_wheel
# no settings of this PC may name other places or versions
said=$(PIP_CONFIG_FILE=/dev/null "$target/bin/python" -I "$pip/pip" --isolated install --quiet --no-cache-dir \
    --no-index --find-links "$here/wheels" --require-hashes --requirement "$here/$requirements" 2>&1) ||
    refuse "pip: $(last_line "$said")"
for program in $programs; do
    said=$("$target/bin/$program" --version 2>&1) || refuse "$program: expected to start, found: $(last_line "$said")"
done
sync
trap - EXIT HUP INT TERM

echo "== done: $said. Next, with a bundle of yours:"
echo "$target/bin/goodpart verify BUNDLE"
echo "$target/bin/goodpart selftest BUNDLE"
[ -z "$needs" ] || echo "$target/bin/goodpart-station --help"
