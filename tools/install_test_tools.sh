#!/bin/sh
# Installs what some tests need from the system, where that is ours to do; otherwise says which tests will be skipped.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # also where it is not make that runs this

# Needs rich<14, which the rest of ours does not stand: an environment of its own.
[ -x build/clairvoyance/bin/clairvoyance ] || {
    python3 -m venv build/clairvoyance
    build/clairvoyance/bin/python -m pip install -qq 'clairvoyance==2.5.5' \
        || { rm -rf build/clairvoyance; echo "Clairvoyance could not be installed: the tests with it are skipped."; }
}

# graphql-core's own tests are in its source distribution, and need plugins that ours do not.
core=$(python -c 'import graphql; print(graphql.__version__)')
[ -d "build/graphql-core/graphql_core-$core/tests" ] || {
    rm -rf build/graphql-core
    mkdir -p build/graphql-core
    {
        python -m pip download -qq --no-deps --no-binary graphql-core -d build/graphql-core "graphql-core==$core" &&
            tar -xzf "build/graphql-core/graphql_core-$core.tar.gz" -C build/graphql-core &&
            python -m pip install -qq --no-deps --target build/graphql-core/plugins 'pytest-describe==3.2.0' \
                'pytest-asyncio==1.5.0' 'pytest-timeout==2.4.0' 'pytest-benchmark==5.3.1' 'py-cpuinfo==9.0.0'
    } || { rm -rf build/graphql-core; echo "graphql-core's tests could not be had: they are skipped."; }
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
