#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches the jars of a Kafka broker into build/servers/kafka/<version>, once.
#   tests/integration/kafka/fetch_jars.sh [VERSION]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=${1:-4.1.1}
libs=${SLUICE_SERVERS_DIR:-$here/../../../build/servers}/kafka/$version
[ -f "$libs/complete" ] && exit 0
echo "fetching the jars of Apache Kafka $version into $libs" >&2
rm -rf "$libs.partial"
mkdir -p "$libs.partial"
mvn -B -q -f "$here/pom.xml" "-Dkafka.version=$version" dependency:copy-dependencies \
  -DincludeScope=runtime "-DoutputDirectory=$libs.partial" >&2
touch "$libs.partial/complete"
rm -rf "$libs"
mv "$libs.partial" "$libs"
