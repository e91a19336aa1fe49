#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Streams 20,000 real flights through a node, kills it half-way, goes on, and proves that the sink holds
# just what the stores hold. Run it as `./run demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sluice=$PWD/build/release/bin/sluice
data=$PWD/data/flights/flights.jsonl.zst
home=$PWD/build/demo
half=500  # of 1,000 blocks

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# field KEY: the number under a top-level KEY of the JSON object on standard input.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

rm -rf "$home"
say "1. A node with two stores, one file sink, and the policy that nothing commits before the sink has it"
"$sluice" --home "$home" init >/dev/null
cat > "$home/config/app.toml" <<'TOML'
[node]
stream_id = "flights"

[stores]
names = ["flights", "airports"]

[driver]
kind = "replay"

[commit]
policy = "all"         # a block commits when every sink has acknowledged it
level = "durable"      # and has fsynced it

[log]
level = "warn"

[sinks.audit]
plugin = "file"
settings = { path = "data/stream", fsync = true }
TOML
cat "$home/config/app.toml"
"$sluice" --home "$home" config check

say "2. Streaming 1,000 blocks of real flights, and killing the node (SIGKILL) half-way"
# run_and_kill: true where the node was killed before it had finished.
run_and_kill() {
  local node height=0
  "$sluice" --home "$home" replay "$data" --json > "$home/first-run.json" &
  node=$!
  while kill -0 "$node" 2>/dev/null; do
    height=$("$sluice" --home "$home" status --json 2>/dev/null | field height 2>/dev/null || echo 0)
    [ "$height" -ge "$half" ] && break
  done
  kill -KILL "$node" 2>/dev/null || true
  wait "$node" 2>/dev/null || true
  [ ! -s "$home/first-run.json" ]
}
until run_and_kill; do
  attempt=$((${attempt:-0} + 1))
  if [ "$attempt" = 5 ]; then
    echo "demo: the node finished five times before it could be killed: is the machine very busy?" >&2
    exit 1
  fi
  echo "The node had finished before it could be killed; beginning again."
  rm -rf "$home/data"
done
"$sluice" --home "$home" status

say "3. The same command again: it rolls forward, skips what it has, and goes on"
"$sluice" --home "$home" replay "$data"

say "4. Is what the sink holds what the stores hold?"
"$sluice" --home "$home" verify --sink audit --json > "$home/verify.json" || verdict=different
"$sluice" stream verify "$home/data/stream" --json > "$home/stream.json"
python3 - "$home" "${verdict:-equal}" <<'PY'
import json, sys
home, verdict = sys.argv[1], sys.argv[2]
v = json.load(open(f"{home}/verify.json"))
s = json.load(open(f"{home}/stream.json"))
keys = {name: store["keys"] for name, store in v["stores"].items()}
wrong = sum(store[k] for store in v["stores"].values() for k in ("missing", "extra", "different"))
print(f"""The node was killed and went on; then the state was rebuilt from the sink alone.
  heights in the sink    {s['first']} to {s['last']}, {s['frames']} frames, none missing, none twice
  digest of the history  {s['digest']}
  the node's own digest  {v['digest']}
  keys compared          {', '.join(f'{n} in {name}' for name, n in keys.items())}
  keys that differ       {wrong}
  verdict                {'EQUAL' if v['equal'] and verdict == 'equal' and s['digest'] == v['digest'] else 'NOT EQUAL'}""")
sys.exit(0 if v["equal"] and s["digest"] == v["digest"] else 1)
PY

say "Try next"
cat <<TEXT
  $sluice --home $home store get airports SFO
  $sluice stream dump $home/data/stream --from 1000 | head -5
  $sluice --home $home status
TEXT
