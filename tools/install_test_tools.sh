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

for browser in chromium chromium-browser google-chrome; do
    if command -v "$browser" >/dev/null; then exit 0; fi
done

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the tests of pages."
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends chromium >/dev/null; then exit 0; fi
    echo "That failed: the tests of pages in a browser are skipped."
else
    echo "There is no Chromium: the tests of pages in a browser are skipped. To run them: apt install chromium"
fi
