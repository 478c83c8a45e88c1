# shellcheck shell=bash
# Loaded by every end-to-end test: the binaries under test, and the assertions.
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
PONA=${PONA:-$top/build/release/pona}
PONA_FAULTS_BINARY=${PONA_FAULTS_BINARY:-$top/build/dev/pona}
export top PONA PONA_FAULTS_BINARY

pona() { "$PONA" "$@"; }
