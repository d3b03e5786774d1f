#!/bin/sh
# Runs the tests in two parts: first those that share the machine, on all cores, then those that need it for themselves.
# Usage: tools/test.sh "not long" [arguments of pytest]
set -u
which=$1
shift

.venv/bin/pytest -n "${WORKERS:-auto}" --dist loadfile --no-loadscope-reorder -m "$which and not alone" --durations 15 "$@"
first=$?
case $first in 0 | 1 | 5) ;; *) exit $first ;; esac # 1: some failed; 5: there were none of this part
.venv/bin/pytest -m "$which and alone" --durations 15 "$@"
second=$?

if [ $first = 5 ]; then exit $second; fi
if [ $second = 5 ]; then exit $first; fi
[ $first = 0 ] && exit $second
exit $first
