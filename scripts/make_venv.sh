#!/usr/bin/env bash
# Make the virtual environment VENV with a Python of 3.11 or newer: PYTHON, or the first one found.
# usage: make_venv.sh VENV [PYTHON]
set -euo pipefail

venv=$1
wanted=${2:-}

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

python=
for candidate in ${wanted:-python3 python3.11 python3.12 python3.13 python}; do
    if recent "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    found=$("${wanted:-python3}" --version 2>/dev/null || echo none)
    echo "ChannelExplorer needs Python 3.11 or newer; found: $found." >&2
    echo "Install one, or name it: make PYTHON=/path/to/python3.11 …" >&2
    exit 1
fi

# Debian and Ubuntu keep what venv needs in a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
    else
        echo "$python cannot make virtual environments. Install its venv module (Debian: apt-get install python3-venv)." >&2
        exit 1
    fi
fi

"$python" -m venv "$venv" || { rm -rf "$venv"; exit 1; }
