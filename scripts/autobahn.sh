#!/usr/bin/env bash
# Runs the Autobahn test suite against our WebSocket server and client, plain and over TLS.
#
#   scripts/autobahn.sh fast|full [--only CASES] [--ends ENDS] [--suite FOLDER] [--program FILE]
#
#   fast            groups 1 to 7 and 10: 247 cases
#   full            all 517
#   --only CASES    only these of them, as 6.4.*,7.1.5
#   --ends ENDS     only these of server-ws,server-wss,client-ws,client-wss
#   --suite FOLDER  where the suite is, or is to be made (default: target/autobahn/suite)
#   --program FILE  the example `autobahn`, built; builds it without
#
# Each run ends with a line of counts. What is not OK is named. Reports, with every byte on the
# wire, are in target/autobahn/. TAUT_DRIVER chooses the driver as everywhere.
#
# Ends with 0 where all cases are OK or INFORMATIONAL; 1 where one is anything else, UNIMPLEMENTED
# and NON-STRICT too, or a case is missing; 2 where the command line is wrong; 3 where this host
# can't have the suite.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '4,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }

case ${1:-} in
fast | full) mode=$1 ;;
*) usage ;;
esac
shift
only= suite=target/autobahn/suite program= ends=server-ws,server-wss,client-ws,client-wss
while [ $# -gt 0 ]; do
    case $1 in
    --only | --ends | --suite | --program) declare "${1#--}=${2:?$1 needs a value}" ;;
    *) usage ;;
    esac
    shift 2
done

scripts/autobahn-setup.sh "$suite" || {
    status=$?
    [ $status != 3 ] || echo 'SKIPPED: the Autobahn suite can not be had here'
    exit $status
}
if [ -z "$program" ]; then
    # As tests are built: with the checks of a debug build.
    cargo build --profile test -p taut --features tls,ws-deflate --example autobahn
    program=${CARGO_TARGET_DIR:-target}/debug/examples/autobahn
fi
exec python3 scripts/autobahn.py "$mode" "$only" "$ends" "$(realpath "$suite")/wstest" \
    "$(realpath "$program")"
