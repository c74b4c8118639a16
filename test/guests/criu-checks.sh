# Runs in the VM guest, with the runtimes to try in $RUNTIMES: prints "RUNTIME NAME: VALUE" lines. What a container counts in its memory goes
# on after checkpoint and restore. /share/criu and /share/criu-libraries are the host's program.
cp /share/criu /usr/sbin/criu
cp -n /share/criu-libraries/* /usr/lib/x86_64-linux-gnu/ && ldconfig
cd /tmp
mkdir -p rootfs/{bin,proc,sys,dev,tmp,data,ro} bundle host
cp /usr/bin/busybox rootfs/bin/busybox 2>/dev/null || cp /bin/busybox rootfs/bin/busybox
for applet in sh cat sleep ip touch echo; do ln -sf busybox rootfs/bin/$applet; done
cd bundle && runc spec
jq '.process.terminal=false | .root={path:"/tmp/rootfs",readonly:true} | .linux.cgroupsPath="/vm/c1" | .linux.resources.pids={limit:50} |
	.process.args=["sh","-c","i=0; while :; do i=$((i+1)); echo $i >/data/count; sleep 0.1; done"] |
	.mounts+=[{destination:"/data",type:"bind",source:"/tmp/host",options:["rbind","rw"]},{destination:"/ro",type:"bind",source:"/tmp/host",options:["rbind","ro"]}]' config.json >changed
mv changed config.json
say() { echo "$name $1: $(echo $2)"; }
count() { cat /tmp/host/count; }

for runtime in $RUNTIMES; do
	name=${runtime##*/}
	rm -f /tmp/host/count
	tail -f /dev/null | "$runtime" run -d c1 2>&1 | cat >/tmp/output &
	while [ ! -s /tmp/host/count ]; do sleep 0.1; done
	before=$(count)
	"$runtime" checkpoint --leave-running --image-path /tmp/$name-first c1; say leave-running "$? $("$runtime" state c1 | jq -r .status)"
	"$runtime" checkpoint --image-path /tmp/$name-image --work-path /tmp/$name-work c1; say checkpoint $?
	"$runtime" state c1 >/dev/null 2>&1; say gone "$? $(ls -d /sys/fs/cgroup/vm/c1 2>&1 | grep -c 'No such')"
	saved=$(count); sleep 0.5; say stopped "$([ "$saved" = "$(count)" ] && [ "$saved" -gt 0 ] && echo yes)"
	"$runtime" restore -d --pid-file /tmp/pid --image-path /tmp/$name-image --work-path /tmp/$name-work c1 </dev/null >/dev/null 2>/tmp/error; say restore "$? $(cat /tmp/error)"
	for i in $(seq 100); do [ "$(count)" -gt "$saved" ] && break; sleep 0.1; done
	say goes-on "$([ "$(count)" -gt "$saved" ] && [ "$(count)" -lt $((saved + 200)) ] && echo yes)"
	say state "$("$runtime" state c1 | jq -r .status) $([ "$("$runtime" state c1 | jq .pid)" = "$(cat /tmp/pid)" ] && echo same)"
	say exec "$("$runtime" exec c1 cat /proc/self/cgroup) $(cat /sys/fs/cgroup/vm/c1/pids.max)"
	say readonly "$("$runtime" exec c1 touch /x 2>&1) $("$runtime" exec c1 touch /ro/x 2>&1)"
	say loopback "$("$runtime" exec c1 ip link 2>&1 | grep -c 'lo: .*[<,]UP')"
	"$runtime" kill c1 KILL
	for i in $(seq 100); do [ "$("$runtime" state c1 | jq -r .status)" = stopped ] && break; sleep 0.1; done
	"$runtime" delete c1; say delete "$? $(ls -d /sys/fs/cgroup/vm/c1 2>&1 | grep -c 'No such') $(grep -c 'criu\|/rootfs' /proc/mounts)"
	say nsdelegate "$(grep -c 'cgroup2.*nsdelegate' /proc/mounts)"
	mkdir -p /tmp/empty
	"$runtime" restore -d --image-path /tmp/empty bad >/tmp/error 2>&1; say bad-image "$? $(grep -c 'restore.log' /tmp/error) $("$runtime" list -q | wc -l)"
done
