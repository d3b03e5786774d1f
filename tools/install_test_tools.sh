#!/bin/sh
# Installs what some tests need from the system, where that is ours to do; otherwise says which tests will be skipped.
set -eu
cd "$(dirname "$0")/.."

# Needs rich<14, which the rest of ours does not stand: an environment of its own.
[ -x build/clairvoyance/bin/clairvoyance ] || {
    python3 -m venv build/clairvoyance
    build/clairvoyance/bin/python -m pip install -qq 'clairvoyance==2.5.5' \
        || { rm -rf build/clairvoyance; echo "Clairvoyance could not be installed: the tests with it are skipped."; }
}

install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

command -v vim >/dev/null || install vim \
    || echo "There is no vim: the tests of terminals that draw with it are skipped. To run them: apt install vim"

for browser in chromium chromium-browser google-chrome; do
    if command -v "$browser" >/dev/null; then exit 0; fi
done

install chromium || echo "There is no Chromium: the tests of pages in a browser are skipped. To run them: apt install chromium"
