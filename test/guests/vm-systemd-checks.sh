# Runs in the VM guest as a service of its systemd: prints "NAME: VALUE" lines. cgroup v2 only, a kernel with eBPF, `corten run` as ExecStart=.
S=/sys/fs/cgroup/system.slice
say() { echo "$1: $(echo $2)"; }
show() { local unit=$1; shift; for p in "$@"; do systemctl show "$unit" -p "$p" --value; done | xargs; }
pid() { show "$1" MainPID; }
until_() { for i in $(seq 150); do eval "$1" && return 0; sleep 0.1; done; echo "never: $1"; }
log() { journalctl -q -u "$1" -o cat --no-pager _TRANSPORT=stdout; }
# unit NAME LINES OPTIONS COMMAND: a service; LINES are of [Service], with \n between
unit() { printf "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/usr/bin/corten run --rm $3 -v /share/payload:/payload:ro busybox $4\n$2\n" >"/run/systemd/system/$1.service"; }

corten pull -q docker-archive:/share/docker.tar >/dev/null
N=Type=notify
unit plain "$N" '' '/payload hang'
unit code "$N" '' '/payload exit:7'
unit signal "$N" '--pid host' '/payload raise:6'
unit oom "$N\nMemoryMax=24M\nMemorySwapMax=0" '' '/payload eat'
unit again "$N\nRestart=always\nRestartSec=0\nCPUQuota=50%%" '-m 80m --pids-limit 55 --cpu-shares 512 --cap-add MKNOD' '/payload hang'
unit own "$N\nMemoryMax=64M\nTasksMax=33\nCPUQuota=25%%" '' '/payload hang'
unit devices "$N\nRemainAfterExit=yes" '--cap-add MKNOD --tmpfs /t:dev' "sh -c 'mknod /t/disk b 254 0 2>&1; head -c 1 /t/disk 2>&1; mknod /t/mem c 1 1; head -c 1 /t/mem 2>&1; echo x >/dev/null; head -c 1 /dev/zero | wc -c'"
unit denied "$N\nIPAddressDeny=any\nRemainAfterExit=yes" '--network host' "sh -c 'nc -w 1 127.0.0.1 4711 </dev/null || echo blocked'"
unit open "$N\nRemainAfterExit=yes" '--network host' "sh -c 'nc -w 5 127.0.0.1 4711 </dev/null || echo blocked'"
unit talks "$N" '--sdnotify container' '/payload on:10 send:STATUS=warming wait send:READY=1 barrier hang'
unit secret "$N\nSetCredential=secret:treasure\nStateDirectory=mine\nEnvironment=GREETING=hello\nRemainAfterExit=yes" '' "sh -c 'cat \$\$CREDENTIALS_DIRECTORY/secret; echo; echo \$\$GREETING; touch \$\$STATE_DIRECTORY/kept; cat /proc/self/cgroup; ls /sys/fs/cgroup | grep -c slice || true; touch /sys/fs/cgroup/x 2>&1 || true'"
unit simple 'Type=simple' '' '/payload on:10 echo:up wait exit:5'
unit user "$N\nUser=daemon\nRemainAfterExit=yes" '' 'id -u'
sed -i 's|ExecStart=|ExecStart=!|' /run/systemd/system/user.service
printf '[Socket]\nListenStream=127.0.0.1:4711\nAccept=yes\n' >/run/systemd/system/answer.socket
printf '[Service]\nExecStart=/bin/echo answered\nStandardInput=socket\nStandardOutput=socket\n' >/run/systemd/system/answer@.service
systemctl daemon-reload

systemctl start plain; P=$(pid plain)
say plain "$(show plain ActiveState) $(cat /proc/$P/comm) $(cat $S/plain.service/cgroup.procs | wc -l) $(ps -eo comm= | grep -c corten)"
say cgroup "$(find $S/plain.service -mindepth 1 -type d | wc -l) $(find /sys/fs/cgroup -name 'corten-*' | wc -l)"
corten exec -d plain-none true 2>/dev/null
(corten exec $(corten ps -q) sleep 1000 </dev/null >/dev/null 2>&1 &) ; until_ '[ $(wc -l <$S/plain.service/cgroup.procs) = 2 ]'
say exec "$(cat $S/plain.service/cgroup.procs | xargs -n1 ps -o comm= -p | sort)"
systemctl stop plain; say stop "$(show plain ActiveState Result) $(corten ps -aq) $(ls -d $S/plain.service 2>/dev/null)"
systemctl start code; until_ '[ "$(show code ActiveState)" = failed ]'; say code "$(show code Result ExecMainStatus)"
systemctl start signal; until_ '[ "$(show signal ActiveState)" = failed ]'; say signal "$(show signal Result ExecMainCode ExecMainStatus)"
systemctl start oom; until_ '[ "$(show oom ActiveState)" = failed ]'; say oom "$(show oom Result)"

systemctl start again
say limits "$(cd $S/again.service; cat memory.max pids.max cpu.max cpu.weight) $(show again MemoryMax TasksMax)"
say programs-first "$(/share/payload programs:$S/again.service)"
for i in 1 2 3 4 5; do kill -9 $(pid again); until_ '[ "$(show again NRestarts ActiveState)" = "'$i' active" ]'; done
say restarts "$(show again NRestarts ActiveState) $(cat $S/again.service/cgroup.procs | wc -l) $(corten ps -aq | wc -l)"
say programs "$(/share/payload programs:$S/again.service)"
systemctl stop again; say down "$(show again ActiveState) $(corten ps -aq | wc -l)"

systemctl start own; say settings "$(cd $S/own.service; cat memory.max pids.max cpu.max)"; systemctl stop own
systemctl start devices; until_ '[ "$(show devices SubState)" = exited ]'; say devices "$(log devices)"
systemctl start answer.socket open denied
until_ '[ "$(show open SubState) $(show denied SubState)" = "exited exited" ]'
say open "$(log open | grep -E 'blocked|answered')"; say denied "$(log denied | grep -E 'blocked|answered')"
systemctl start --no-block talks; until_ '[ "$(show talks StatusText)" = warming ]'; say talks-before "$(show talks ActiveState)"
kill -USR1 $(pid talks); until_ '[ "$(show talks ActiveState)" = active ]'; until_ 'log talks | grep -q "barrier passed"'; say talks "$(show talks ActiveState) $(log talks | grep barrier)"
systemctl start secret; until_ '[ "$(show secret SubState)" = exited ]'; say secret "$(log secret) $(ls /var/lib/mine)"
systemctl start simple; until_ 'log simple | grep -q up'; say simple "$(cat /proc/$(pid simple)/comm)"
systemctl kill --kill-who=main -s USR1 simple; until_ '[ "$(show simple ActiveState)" = failed ]'; say simple-end "$(show simple ExecMainCode ExecMainStatus)"
systemctl start user; until_ '[ "$(show user SubState)" = exited ]'; say user "$(log user | grep -x '[0-9]*')"
systemctl stop talks secret open denied devices
# A machine in a unit: delegated, ready by its own word, stopped by its signal.
. /share/make-root
cat >/run/systemd/system/machine.service <<EOF
[Service]
Type=notify
Delegate=yes
KillMode=mixed
KillSignal=SIGRTMIN+3
MemoryMax=500M
TimeoutStartSec=300
TimeoutStopSec=200
ExecStart=/usr/bin/corten run --name machine --sdnotify=container --rootfs $root /sbin/init
ExecStopPost=/bin/sh -c 'echo \$SERVICE_RESULT \$EXIT_CODE \$EXIT_STATUS >/run/ended'
EOF
systemctl daemon-reload; systemctl start machine; M=$S/machine.service
say machine "$(show machine ActiveState) $(cat /proc/$(pid machine)/comm)"
say machine-inside "$(corten exec machine sh -c 'systemctl is-system-running --wait; systemctl --failed --no-legend; cat /proc/1/cgroup; ls /sys/fs/cgroup | grep -E "scope|slice"; cat /sys/fs/cgroup/memory.max')"
say machine-cgroup "$(cat $M/init.scope/cgroup.procs | xargs ps -o comm= -p) $(cat $M/cgroup.procs | wc -l) $(ls -d $M/system.slice/systemd-journald.service | wc -l) $(grep -ow memory $M/cgroup.subtree_control) $(find /sys/fs/cgroup -name init.scope | wc -l)"
say machine-devices "$(/share/payload programs:$M)"
systemctl stop machine; say machine-end "$(show machine ActiveState) $(cat /run/ended) $(ls -d $M 2>/dev/null)"
say machine-journal "$(journalctl -q -o cat -u word -D /var/lib/corten/containers/*/journal | grep inside)"
corten rm machine >/dev/null

# The same in the foreground, outside of units: exec goes where the payload is, for the top of its cgroup hands controllers on.
: >$root/etc/machine-id
corten run --rm --name front --rootfs $root /sbin/init >/dev/null 2>&1 & watcher=$!
until_ '[ "$(corten exec front systemctl is-system-running 2>/dev/null)" = running ]'
say front "$(corten exec front cat /proc/1/cgroup /proc/self/cgroup) $(ls -d /sys/fs/cgroup/corten-*/init.scope | wc -l) $(cat /sys/fs/cgroup/corten-*/cgroup.subtree_control | grep -ow memory)"
corten stop -t 100 front >/dev/null; wait $watcher; say front-end "$?"
say left "$(corten ps -aq) $(find /sys/fs/cgroup -name 'corten-*') $(losetup -l --noheadings)"
say complaints "$(journalctl -q --no-pager -o cat _PID=1 | grep -iE 'not our child|refusing|Extra|notif')"
say uptime "$(cut -d. -f1 /proc/uptime)"
