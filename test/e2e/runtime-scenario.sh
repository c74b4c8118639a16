#!/bin/bash
# One scenario on the command line of an OCI runtime, the same for every runtime that is given to it.
# Usage: runtime-scenario.sh RUNTIME BUNDLES WORK CGROUP. c1 is in /CGROUP/sleeper. BUNDLES has the folders runtime-scenario.test.ts makes; WORK/steps gets, for each step,
# NNN-name.status, .out and .err. Nothing is judged here.
set -u
runtime=$1 bundles=$2 work=$3 cgroup=$4
state=$work/state steps=$work/steps
mkdir -p "$state" "$steps"
cd "$work" || exit 1
support=$(dirname "$0")/../support
count=0

# step NAME COMMAND...: runs it and records what a caller sees.
step() {
	local name=$1 file
	shift
	count=$((count + 1))
	file=$(printf '%s/%03d-%s' "$steps" $count "$name")
	timeout 20 "$@" >"$file.out" 2>"$file.err" </dev/null
	echo $? >"$file.status"
}
# on NAME COMMAND OPTIONS...: a step that is one command of the runtime.
on() {
	local name=$1
	shift
	step "$name" "$runtime" --root "$state" "$@"
}
quietly() { "$runtime" --root "$state" "$@" >/dev/null 2>&1 </dev/null; }
# until_status ID STATUS: the runtime has no event for it, so it is asked.
until_status() {
	for _ in $(seq 200); do
		"$runtime" --root "$state" state "$1" 2>/dev/null | grep -q "\"status\": *\"$2\"" && return
		sleep 0.05
	done
}
until_file() {
	for _ in $(seq 200); do
		[ -s "$1" ] && return
		sleep 0.05
	done
}
pid_of() { cat "$work/$1.pid"; }

# --- what is not there
step version-is-printed "$runtime" --version
for command in state start kill delete pause resume ps; do on "absent-$command" $command nobody; done
on absent-exec exec nobody true
on absent-update update --pids-limit 10 nobody
on absent-events events --stats nobody
on absent-delete-force delete --force nobody
on empty-list-quiet list -q

# --- what cannot be asked
on unknown-command frobnicate
on unknown-option create --frobnicate -b "$bundles/sleeper" c0
on option-without-value create -b
on no-container-id create -b "$bundles/sleeper"
on too-many-operands state a b
on id-with-slash create -b "$bundles/sleeper" a/b
on id-is-dots create -b "$bundles/sleeper" ..
step bad-log-format "$runtime" --root "$state" --log-format xml list

# --- bundles that are none
on bundle-absent create -b "$bundles/absent" c0
quietly delete --force c0
on bundle-without-config create -b "$bundles/empty" c0
quietly delete --force c0
on config-not-json create -b "$bundles/not-json" c0
quietly delete --force c0
on config-without-args create -b "$bundles/no-args" c0
quietly delete --force c0
on config-relative-cwd create -b "$bundles/relative-cwd" c0
quietly delete --force c0
on config-without-rootfs create -b "$bundles/no-rootfs" c0
quietly delete --force c0
on config-unknown-namespace create -b "$bundles/unknown-namespace" c0
quietly delete --force c0
on config-terminal-without-socket create -b "$bundles/terminal" c0
quietly delete --force c0
on config-socket-without-terminal create -b "$bundles/sleeper" --console-socket "$work/none.sock" c0
quietly delete --force c0
on program-absent-create create -b "$bundles/absent-program" c0
quietly delete --force c0
on program-unexecutable-create create -b "$bundles/unexecutable" c0
quietly delete --force c0
on failing-hook-create create -b "$bundles/failing-hook" c0
quietly delete --force c0
on failed-creates-left-nothing list -q

# --- create
on create create -b "$bundles/sleeper" --pid-file "$work/c1.pid" c1
on created-state state c1
step created-pid-file test "$("$runtime" --root "$state" state c1 | tr -d ' \n' | sed 's/.*"pid":\([0-9]*\).*/\1/')" = "$(pid_of c1)"
on created-list-json list -f json
on created-list-quiet list -q
on created-exec exec c1 /bin/echo in a created container
on create-taken create -b "$bundles/sleeper" c1
on created-resume resume c1
on create-second create -b "$bundles/sleeper2" c2
on created-kill kill c2 KILL
until_status c2 stopped
on killed-before-start-state state c2
on killed-before-start-start start c2
on killed-before-start-delete delete c2
on create-third create -b "$bundles/sleeper2" c3
on created-delete delete c3
quietly delete --force c3

# --- start, exec
on start start c1
on running-state state c1
on running-start start c1
on running-delete delete c1
on exec-output exec c1 /bin/echo hello
on exec-status exec c1 /bin/sh -c 'exit 5'
on exec-signalled exec c1 /bin/sh -c 'kill -9 $$'
on exec-stderr exec c1 /bin/sh -c 'echo oops >&2'
on exec-options exec --cwd /tmp --env A=b --user 5:6 c1 /bin/sh -c 'pwd; echo $A; id -u; id -g'
on exec-short-options exec -e A=b -u 5 c1 /bin/sh -c 'echo $A; id -u'
on exec-dashes-belong-to-the-program exec c1 /bin/echo -d --env x
on exec-process exec --process "$bundles/process.json" c1
on exec-absent-program exec c1 /bin/absent
on exec-absent-in-path exec c1 absent
on exec-unexecutable exec c1 /etc/passwd
on exec-without-program exec c1
on exec-bad-option exec --frobnicate c1 true
on exec-bad-cwd exec --cwd /absent c1 /bin/true
on exec-detached exec --detach --pid-file "$work/exec.pid" c1 /bin/sh -c 'exit 0'
step exec-pid-file test -s "$work/exec.pid"
on exec-detached-terminal-without-socket exec --detach --tty c1 /bin/true
exec 3<"$bundles/three" 4<"$bundles/four"
on exec-preserve-fds exec --preserve-fds 2 c1 /bin/sh -c 'cat <&3; cat <&4'
on exec-without-preserve-fds exec c1 /bin/sh -c 'cat <&3'
exec 3<&- 4<&-
python3 "$support/console_socket.py" "$work/exec.sock" >"$work/exec.console" &
listener=$!
until_file "$work/exec.console"
on exec-console-socket exec --tty --detach --console-socket "$work/exec.sock" c1 /bin/sh -c 'tty; stty size; echo done'
wait $listener
step exec-console-output cat "$work/exec.console"

# --- ps, pause, update
on ps-json ps --format json c1
on ps-table ps c1
on pause pause c1
on paused-state state c1
on paused-pause pause c1
on paused-exec exec c1 /bin/true
on paused-start start c1
on resume resume c1
on resumed-state state c1
on running-resume resume c1
on update update --pids-limit 77 c1
step update-effect sh -c 'cat /sys/fs/cgroup/pids/$0/pids.max 2>/dev/null || cat /sys/fs/cgroup/$0/pids.max' "$cgroup/sleeper"
echo '{"pids":{"limit":88}}' >"$work/resources.json"
on update-resources update --resources "$work/resources.json" c1
step update-resources-effect sh -c 'cat /sys/fs/cgroup/pids/$0/pids.max 2>/dev/null || cat /sys/fs/cgroup/$0/pids.max' "$cgroup/sleeper"
on update-bad update --pids-limit many c1
on events-stats events --stats c1

# --- the end
on kill-bad-signal kill c1 FROB
on kill-number kill c1 0
on kill kill c1 TERM
until_status c1 stopped
on stopped-state state c1
on stopped-list-json list -f json
on stopped-start start c1
on stopped-kill kill c1 KILL
on stopped-kill-all kill --all c1 KILL
on stopped-exec exec c1 /bin/true
on stopped-pause pause c1
on stopped-resume resume c1
on stopped-ps ps c1
on stopped-create create -b "$bundles/sleeper" c1
on delete delete c1
on deleted-state state c1
on deleted-delete delete c1

# --- run
on run-status run -b "$bundles/exit3" r1
on run-left-nothing list -q
on run-signalled run -b "$bundles/killed" r1
on run-output run -b "$bundles/echo" r1
on run-absent-program run -b "$bundles/absent-program" r1
on run-unexecutable run -b "$bundles/unexecutable" r1
on run-left-nothing-again list -q
exec 3<"$bundles/three" 4<"$bundles/four"
on run-preserve-fds run --preserve-fds 2 -b "$bundles/reads-fds" r1
exec 3<&- 4<&-
on run-detached run --detach --pid-file "$work/r2.pid" -b "$bundles/sleeper2" r2
on run-detached-state state r2
step run-detached-pid-file kill -0 "$(pid_of r2)"
on run-taken run --detach -b "$bundles/sleeper2" r2
on kill-all kill --all r2 KILL
until_status r2 stopped
on killed-delete delete r2
on run-to-be-forced run --detach -b "$bundles/sleeper2" r3
on delete-force delete --force r3
on delete-forced-state state r3
python3 "$support/console_socket.py" "$work/run.sock" >"$work/run.console" &
listener=$!
until_file "$work/run.console"
on run-console-socket run --detach --console-socket "$work/run.sock" -b "$bundles/terminal" t1
wait $listener
step run-console-output cat "$work/run.console"
quietly delete --force t1

# --- the log, the documents
step log-json "$runtime" --root "$state" --log "$work/log.json" --log-format json state nobody
step log-json-content cat "$work/log.json"
step log-json-create "$runtime" --root "$state" --log "$work/log2.json" --log-format json run -b "$bundles/absent-program" l1
step log-json-create-content cat "$work/log2.json"
quietly delete --force l1
step log-text "$runtime" --root "$state" --log "$work/log.text" state nobody
step log-text-content cat "$work/log.text"
mkdir -p "$work/fresh"
on spec spec --bundle "$work/fresh"
on spec-refuses-to-overwrite spec --bundle "$work/fresh"
step spec-content cat "$work/fresh/config.json"
on spec-of-corten-runs run -b "$bundles/spec" s1
on features features
