# SPDX-License-Identifier: Apache-2.0
# A node of OpenSearch or Elasticsearch for tests; sourced by the scripts of those names, which set
# name, vendor (the root of its packages) and plugins.
#
# Jars come from Maven once and lie in build/servers/NAME. A node's FOLDER holds its data, its log,
# its pid and, as soon as it is ready, its url.

usage() {
  cat <<END
usage: $name start FOLDER [PORT [SETTING=VALUE ...]]    PORT 0: any that is free
       $name stop FOLDER [--kill | --wipe]           --wipe: and removes its data
       $name download                                   only gets what a start needs
Runs one node on 127.0.0.1 with its data in FOLDER and waits until it is ready; its address is in
FOLDER/url then. A node that was stopped or killed goes on with its data.
JAVA_OPTIONS: more options of the JVM, such as -Xmx1g.
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib.sh"
node=$root/scripts/servers/search-node
home=$root/build/servers/$name
ready_seconds=180

get_jars() {
  mvn -B -q -f "$node/$name.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$home/jars"
}

compile() {
  mkdir -p "$home/source" "$home/classes" &&
    sed "s/VENDOR/$vendor/g" "$node/Node.java" >"$home/source/Node.java" &&
    javac -cp "$home/jars/*" -d "$home/classes" "$home/source/Node.java"
}

# Once for whoever comes first; the others wait.
download() {
  mkdir -p "$home"
  exec 9>"$home/lock"
  flock 9
  if ! cmp -s "$node/$name.xml" "$home/got.xml"; then
    rm -rf "$home/jars"
    run_quietly "Getting $name" "$home/maven.log" get_jars
    cp "$node/$name.xml" "$home/got.xml"
  fi
  if [[ ! $home/classes/Node.class -nt $node/Node.java ]]; then
    run_quietly "Compiling $name" "$home/javac.log" compile
  fi
  exec 9>&-
}

# A zombie has no command line, and a process that has taken over the number has another.
runs() {
  [[ -s $1/pid ]] && tr '\0' ' ' <"/proc/$(<"$1/pid")/cmdline" | grep -q " Node $1 "
} 2>/dev/null

start() {
  local folder=$1 port=${2:-0}
  shift $(($# < 2 ? $# : 2))
  if runs "$folder"; then die "a node runs in $folder already"; fi
  download
  rm -f "$folder/url"
  # Compiled quickly rather than well: a test's node does not live long. JAVA_OPTIONS may say otherwise.
  # shellcheck disable=SC2086
  setsid nohup java -Xms512m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dfile.encoding=UTF-8 -Djava.awt.headless=true -Dlog4j2.disable.jmx=true \
    -Dio.netty.noUnsafe=true -Dio.netty.noKeySetOptimization=true \
    -Dlog4j2.configurationFile="$node/log4j2.properties" ${JAVA_OPTIONS:-} \
    -cp "$home/classes:$home/jars/*" Node "$folder" "$port" "$plugins" "$@" \
    >"$folder/log" 2>&1 </dev/null &
  echo $! >"$folder/pid"
  local deadline=$((SECONDS + ready_seconds))
  until [[ -s $folder/url ]]; do
    if ! kill -0 "$(<"$folder/pid")" 2>/dev/null || ((SECONDS >= deadline)); then
      tail -n 30 "$folder/log" >&2
      stop "$folder" --kill
      die "the node in $folder did not become ready"
    fi
    sleep 0.1
  done
  echo "$name is ready at $(<"$folder/url")"
}

stop() {
  local folder=$1
  if runs "$folder"; then
    [[ ${2-} == --kill ]] && kill -9 "$(<"$folder/pid")" || kill "$(<"$folder/pid")"
    for _ in $(seq 200); do
      runs "$folder" || break
      sleep 0.1
    done
    if runs "$folder"; then kill -9 "$(<"$folder/pid")"; fi
  fi
  rm -f "$folder/pid" "$folder/url"
  if [[ ${2-} == --wipe ]]; then rm -rf "$folder"; fi
}

case ${1-} in
  start | stop)
    [[ $# -ge 2 ]] || { usage >&2 && exit 2; }
    mkdir -p "$2"
    "$1" "$(cd "$2" && pwd)" "${@:3}"
    ;;
  download) download ;;
  -h | --help) usage ;;
  *) usage >&2 && exit 2 ;;
esac
