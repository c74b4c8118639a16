# Runs in the VM guest, with the runtimes to try in $RUNTIMES: prints "RUNTIME NAME: VALUE" lines. cgroup v2 only, all controllers.
cd /tmp
mkdir -p rootfs/bin rootfs/proc rootfs/sys rootfs/dev rootfs/tmp rootfs/etc
cp /usr/bin/busybox rootfs/bin/busybox 2>/dev/null || cp /bin/busybox rootfs/bin/busybox
for applet in sh cat sleep mknod tail grep ls id echo touch head trap; do ln -sf busybox rootfs/bin/$applet; done
chmod -R a+rX rootfs
runc spec && mv config.json base.json
G=/sys/fs/cgroup

# bundle NAME FILTER: a bundle of the base configuration, changed by jq
bundle() {
	mkdir -p "/tmp/b/$1"
	jq ".process.terminal=false | .root={path:\"/tmp/rootfs\",readonly:true} | .linux.cgroupsPath=\"/vm/$1\" | $2" /tmp/base.json >"/tmp/b/$1/config.json"
	chmod -R a+rX /tmp/b
}
say() { echo "$name $1: $(echo $2)"; }
run() { "$runtime" run --bundle "/tmp/b/$1" "$1" 2>&1; }
args() { echo ".process.args=[\"sh\",\"-c\",$(jq -Rn --arg s "$1" '$s')]"; }

for runtime in $RUNTIMES; do
	name=${runtime##*/}
	forever=$(args 'while :; do sleep 0.2; done')
	limits='.linux.resources={memory:{limit:67108864,swap:67108864},cpu:{quota:50000,period:100000,shares:512,cpus:"0"},pids:{limit:55},unified:{"memory.high":"60000000"}}'
	bundle life "$forever | $limits"
	"$runtime" create --bundle /tmp/b/life life </dev/null >/tmp/out 2>&1; say create $?
	say created "$("$runtime" state life | jq -r .status)"
	"$runtime" start life; say start $?
	say running "$("$runtime" state life | jq -r .status)"
	for file in memory.max memory.swap.max memory.high cpu.max cpuset.cpus pids.max; do say $file "$(cat $G/vm/life/$file)"; done
	say exec-cgroup "$("$runtime" exec life cat /proc/self/cgroup) $(grep -c . $G/vm/life/cgroup.procs | sed 's/[1-9][0-9]*/some/')"
	"$runtime" exec life sh -c 'exit 5'; say exec-status $?
	"$runtime" exec -d life sleep 1000 </dev/null >/dev/null 2>&1
	say exec-inside "$(for pid in $(cat $G/vm/life/cgroup.procs); do [ -e /proc/$pid/cmdline ] && tr '\0' ' ' </proc/$pid/cmdline; done 2>/dev/null | grep -c 'sleep 1000')"
	"$runtime" pause life; say pause "$? $("$runtime" state life | jq -r .status) $(cat $G/vm/life/cgroup.freeze)"
	"$runtime" exec life true >/dev/null 2>&1; say exec-paused $([ $? = 0 ] && echo ran || echo refused)
	"$runtime" resume life; say resume "$? $("$runtime" state life | jq -r .status) $(cat $G/vm/life/cgroup.freeze)"
	"$runtime" update --memory 33554432 --memory-swap 33554432 --pids-limit 44 life; say update "$? $(cat $G/vm/life/memory.max) $(cat $G/vm/life/pids.max)"
	"$runtime" kill life KILL; say kill $?
	for i in $(seq 100); do [ "$("$runtime" state life | jq -r .status)" = stopped ] && break; sleep 0.1; done
	say stopped "$("$runtime" state life | jq -r .status)"
	"$runtime" delete life; say delete "$? $(ls -d $G/vm/life 2>&1 | grep -c 'No such')"

	bundle devices "$(args 'mknod /tmp/mem c 1 1 2>&1; cat /tmp/mem 2>&1 | head -c 60; echo; echo x >/dev/null && head -c 1 /dev/zero | grep -c .') | .process.capabilities[] |= (.+[\"CAP_MKNOD\"]|unique) | .mounts+=[{destination:\"/tmp\",type:\"tmpfs\",source:\"tmpfs\"}]"
	say devices "$(run devices)"
	bundle allowed "$(args 'mknod /tmp/full c 1 7 && head -c 2 /tmp/full | wc -c 2>/dev/null; mknod /tmp/kmsg c 1 11 2>&1 && head -c 1 /tmp/kmsg 2>&1') | .process.capabilities[] |= (.+[\"CAP_MKNOD\"]|unique) | .mounts+=[{destination:\"/tmp\",type:\"tmpfs\",source:\"tmpfs\"}] | .linux.resources.devices=[{allow:false,access:\"rwm\"},{allow:true,type:\"c\",major:1,minor:11,access:\"m\"}]"
	say allowed "$(run allowed)"
	bundle oom "$(args 'tail /dev/zero') | .linux.resources.memory={limit:25165824,swap:25165824}"
	run oom >/dev/null; say oom $?
	bundle nested "$(args 'cat /proc/self/cgroup; ls /sys/fs/cgroup/cgroup.procs; touch /sys/fs/cgroup/x 2>&1')"
	say cgroupns "$(run nested)"
	bundle rlimit "$(args 'ulimit -n; ulimit -Hn') | .process.rlimits=[{type:\"RLIMIT_NOFILE\",soft:600000,hard:700000}]"
	say rlimit "$(run rlimit)"
	say left "$(ls $G/vm 2>/dev/null | grep -vE '[.]' | xargs)"

	# without any privilege, in a cgroup that belongs to the user
	mkdir -p $G/user/shell /run/user/1000 && chown 1000:1000 /run/user/1000
	echo "+cpu +memory +pids" >$G/user/cgroup.subtree_control
	chown -R 1000:1000 $G/user
	bundle own "$(args 'id -u; cat /proc/self/uid_map | xargs echo; cat /proc/self/cgroup') | .linux.cgroupsPath=\"/user/own\" | .linux.resources={pids:{limit:33},memory:{limit:50000000}} | .linux.namespaces|=(map(select(.type!=\"network\"))+[{type:\"user\"}]) | .linux.uidMappings=[{containerID:0,hostID:1000,size:1}] | .linux.gidMappings=[{containerID:0,hostID:1000,size:1}] | .mounts|=map(select(.type!=\"cgroup\" and .type!=\"sysfs\")|.options|=(.//[]|map(select(startswith(\"gid=\")|not))))"
	say rootless "$(bash -c 'echo $$ >'$G'/user/shell/cgroup.procs; cd /tmp; exec setpriv --reuid 1000 --regid 1000 --clear-groups env XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/web '"$runtime"' --root /run/user/1000/r run --bundle /tmp/b/own own' 2>&1)"
done
