# shellcheck shell=bash
# Loaded by every end-to-end test: the binaries under test, and the assertions.
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

# The system's own tools before wrappers in people's homes: a python3 that is a shell script which
# looks for a version costs ten times what the test's own work does, thousands of times.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
PONA=${PONA:-$top/build/release/pona}
PONA_FAULTS_BINARY=${PONA_FAULTS_BINARY:-$top/build/dev/pona}
export top PONA PONA_FAULTS_BINARY

pona() { "$PONA" "$@"; }
