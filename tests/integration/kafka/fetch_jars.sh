#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches the jars of Kafka brokers into build/servers/kafka/<version>, each once, and writes the archive of
# their classes there.
#   tests/integration/kafka/fetch_jars.sh [VERSION...]
# Without a version: the one that tests run on (SLUICE_KAFKA_VERSION, or 4.1.1), and the older one that
# SCRAM logins of Debian 12's librdkafka are tried on.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fetch() {
  local version=$1
  local libs=$SLUICE_SERVERS_DIR/kafka/$version
  [ ! -f "$libs/complete" ] || return 0
  echo "fetching the jars of Apache Kafka $version into $libs" >&2
  rm -rf "$libs.partial"
  mkdir -p "$libs.partial"
  mvn -B -q -f "$here/pom.xml" "-Dkafka.version=$version" dependency:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$libs.partial" >&2
  touch "$libs.partial/complete"
  rm -rf "$libs"
  mv "$libs.partial" "$libs"
}

[ $# -gt 0 ] || set -- "${SLUICE_KAFKA_VERSION:-4.1.1}" 3.9.2
export SLUICE_SERVERS_DIR=${SLUICE_SERVERS_DIR:-$here/../../../build/servers}
for version in "$@"; do
  fetch "$version"
  # Without it brokers only start slower.
  python3 "$here/kafka_cluster.py" "$version" || echo "no archive of the classes of $version" >&2
done
