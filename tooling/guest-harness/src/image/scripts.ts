// What runs inside the guest: /init, the agent that serves the host's commands, and a module loader. Plain busybox sh.
import { AGENT_PORT } from '../guest/agent-protocol.ts';

/** PID 1. It must not end before the power is off: a dying init is a kernel panic. */
export const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /root
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
export PATH=/bin HOME=/root
cd /root
sh /agent
poweroff -f
sleep 10
`;

// - The port's device number depends on the other virtio devices, so it is found by name; opening it before devtmpfs
//   has it would create a plain file.
// - Each command gets its own session, so that a time-out can end everything it started with one kill.
// - Data follows its header line directly; \`read\` takes bytes one by one and never more than the line.
// - End of file on the port means the host is gone: power off rather than linger.
export const AGENT = `
port=
while [ -z "$port" ]; do
  for entry in /sys/class/virtio-ports/*; do
    name=
    [ -r "$entry/name" ] && read -r name < "$entry/name"
    [ "$name" = ${AGENT_PORT} ] && [ -c "/dev/\${entry##*/}" ] && port=/dev/\${entry##*/}
  done
  [ -n "$port" ] || usleep 20000
done
exec 3<>"$port"
echo "ready $(uname -r)" >&3
w=/tmp/.agent
mkdir -p $w
reply() { # id status timed-out
  set -- "$@" $(stat -c %s $w/out $w/err)
  echo "$*" >&3
  [ "$4$5" = 00 ] || cat $w/out $w/err >&3
}
while read -r id verb length limit path <&3; do
  timedout=0
  : > $w/out
  : > $w/err
  case $verb in
  run)
    head -c "$length" <&3 > $w/script
    rm -f $w/expired
    setsid sh $w/script > $w/out 2> $w/err < /dev/null 3<&- &
    job=$!
    setsid sh -c "sleep $limit; : > $w/expired; kill -9 -$job" > /dev/null 2>&1 < /dev/null 3<&- &
    watch=$!
    { wait $job; } 2> /dev/null # the shell would report a killed job on the console
    status=$?
    kill -9 $watch -$watch 2> /dev/null
    [ -e $w/expired ] && timedout=1
    ;;
  put)
    { mkdir -p "\${path%/*}/" && head -c "$length" <&3 > "$path"; } 2> $w/err
    status=$?
    ;;
  off)
    echo "$id 0 0 0 0" >&3
    exit
    ;;
  *)
    echo "agent: unknown verb $verb" > $w/err
    status=127
    ;;
  esac
  reply $id $status $timedout
done
`;

/**
 * `modload NAME|/PATH [PARAM...]`: loads a stock module after its dependencies, or a file; the status is insmod's.
 * The image comes through a pipe because busybox tries finit_module and then, after a failure, init_module: a module
 * whose insertion is the test would run twice. finit_module refuses a pipe before it looks at it.
 */
export const MODLOAD = `#!/bin/sh
load() {
  file=$1
  shift
  cat "$file" | insmod /proc/self/fd/0 "$@"
}
name=$1
shift
case $name in
/*)
  load "$name" "$@"
  exit
  ;;
esac
if [ ! -e "/modules/$name.order" ]; then
  echo "modload: this image has no module $name" >&2
  exit 2
fi
for module in $(cat "/modules/$name.order"); do
  [ -d "/sys/module/$module" ] && continue
  if [ "$module" = "$name" ]; then load "/modules/$module.ko" "$@"; else load "/modules/$module.ko"; fi || exit
done
`;
