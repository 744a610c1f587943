# SPDX-License-Identifier: Apache-2.0
# Shared by the bash scripts of this repository; sourced, never run.

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# run_quietly LABEL LOG COMMAND...: one line of output; when the command fails also the errors
# and the end of its log.
run_quietly() {
  local label=$1 log=$2 start=$SECONDS
  shift 2
  mkdir -p "$(dirname "$log")"
  printf '%s ... ' "$label"
  if "$@" >"$log" 2>&1; then
    echo "done ($((SECONDS - start)) s)"
    return
  fi
  echo "FAILED"
  grep -E -m 5 -B 2 -A 4 '(error|Error|FAILED)' "$log" || true
  echo "[...]"
  tail -n 20 "$log"
  echo "The whole log: $log"
  return 1
}
