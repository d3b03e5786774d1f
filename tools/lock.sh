#!/bin/sh
# Rewrites the lock files. They hold versions and hashes, and no address: any mirror will do.
set -eu
cd "$(dirname "$0")/.."

[ -x build/lock/bin/uv ] || {
    python3 -m venv build/lock
    build/lock/bin/python -m pip install -qq 'uv>=0.13'
}

compile() {
    build/lock/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --custom-compile-command 'make lock' "$@" >/dev/null
}

compile --group build --output-file requirements.lock "$@"
compile --group dev --extra tracing --constraints requirements.lock --output-file requirements-dev.lock "$@"

for folder in tests/clients benchmarks/peers app/console/source; do
    if [ "${1:-}" = --upgrade ]; then (cd "$folder" && npm update --package-lock-only --silent); fi
    (cd "$folder" && npm install --package-lock-only --silent)
    python3 - "$folder/package-lock.json" <<'PYTHON'
import json, pathlib, sys

file = pathlib.Path(sys.argv[1])
lock = json.loads(file.read_text())
for package in lock["packages"].values():
    package.pop("resolved", None)
    package.pop("funding", None)
file.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n")
PYTHON
done
