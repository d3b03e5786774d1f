#!/bin/sh
# Makes .venv and installs into it what a lock file names, then this project. Usage: tools/setup.sh requirements.lock
set -eu
cd "$(dirname "$0")/.."
lock=$1

# A virtual environment or a PYTHONPATH around us must not leak in, nor a "user" installation.
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3.14 python3 python}; do
        if recent "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    echo "Soundstage needs Python 3.11 or later, and found none as ${PYTHON:-python3.13, python3.12, python3.11 or python3}." >&2
    echo "Install it (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13)," >&2
    echo "or name one that is elsewhere: make setup PYTHON=/path/to/python3.12" >&2
    return 1
}

make_environment() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$python cannot make virtual environments: its venv module is not complete." >&2
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "Install it (Debian, Ubuntu: apt install python${version}-venv), then try again." >&2
        return 1
    fi
    "$python" -m venv --clear .venv
}

# The second test finds an environment that was copied or moved here with its folder: its commands still point elsewhere.
if ! { recent .venv/bin/python && grep -qsF "$PWD/.venv" .venv/bin/activate; }; then
    make_environment
fi

echo "Installing from $lock into .venv with $(.venv/bin/python --version)."
.venv/bin/python -m pip install -qq --no-compile --require-hashes --requirement "$lock"
.venv/bin/python -m pip install -qq --no-deps --no-build-isolation --editable .
# All at once on all cores, and whatever PYTHONDONTWRITEBYTECODE says: without it every start would compile for a second.
.venv/bin/python -m compileall -qq -j 0 .venv/lib app resolvers rest_compat || true   # some packages hold templates
