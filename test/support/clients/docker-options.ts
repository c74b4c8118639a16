// What `docker run` is asked with each option, and what the container then shows. The words of the regular expressions are those of
// the option's promise; beyond them both runtimes must show the same.

import type { RunOptions } from "../corten.ts";

/** An option, a script that looks at its effect, and what that shows. */
export type OptionCase = RunOptions & { readonly options: readonly string[]; readonly script: string; readonly shows: RegExp };

const words = (line: string) => line.split(" ").filter((word) => word !== "");
const option = (line: string, script: string, shows: RegExp, more: RunOptions = {}): OptionCase => ({
	options: words(line),
	script,
	shows,
	...more,
});

const status = "grep -E '^(Cap|Seccomp:|NoNewPrivs|Groups|Uid|Gid)' /proc/self/status";
/** Where something is mounted, of which type, and whether it can be written: by the mount's flag, or the filesystem's. */
const mounts =
	'awk \'{ w = ($6 ~ /^ro/ || $NF ~ /^ro/) ? "ro" : "rw"; for (t = 7; $t != "-"; t++); print $5, w, $(t + 1) }\' /proc/self/mountinfo | grep -v \'^/sys/fs/cgroup \' | sort';

/** Options that are honoured. */
export const dockerOptions: readonly OptionCase[] = [
	option("", "echo out; echo err >&2; exit 7", /^out\n$/),
	option("-i", "cat; exit 3", /^from stdin\n$/, { input: "from stdin\n" }),
	option("-t", "tty; stty size; test -t 2 && echo terminal", /^\/dev\/pts\/0\r\n.*\r\nterminal\r\n$/),
	option("", status, /CapEff:\s00000000a80425fb[\s\S]*NoNewPrivs:\s0\nSeccomp:\s2/),
	option("", mounts, /^\/proc rw proc$/m),
	option("", "ls -l /dev | awk '{print $1, $3, $4, $5, $6, $NF}' | grep -vE '^total|kcore'", /null/),
	option("", "env | grep -v HOSTNAME | sort; ulimit -a; pwd; umask", /HOME=\/root/),
	option("", "cat /proc/kcore 2>/dev/null | wc -c; echo 1 2>&1 >/proc/sys/kernel/panic; ls /sys/firmware | wc -l", /^0\n/),
	option("", "kill -9 $$", /^$/),
	option("", "kill -TERM $$; sleep 1; exit 4", /^$/),
	option("--init", "kill -TERM $$; sleep 1; exit 4", /^$/),
	option("--init", "cat /proc/1/comm; echo $PPID", /^docker-init\n1\n$/),
	option("--user 1000:2000 --group-add 3000", "id; touch /tmp/x && echo made", /uid=1000\(web\) gid=2000\(?.*3000[\s\S]*made/),
	option("--user web", `id; ${status}`, /uid=1000\(web\)[\s\S]*CapEff:\s0{16}/),
	option("--user nobody -w /home/web", "pwd; touch x 2>&1", /Permission denied/),
	option("--cap-drop ALL", status, /CapPrm:\s0{16}[\s\S]*CapBnd:\s0{16}/),
	option("--cap-drop ALL --cap-add NET_RAW --cap-add kill", status, /CapEff:\s0{12}2020/),
	option("--cap-add SYS_ADMIN", "mount -t tmpfs none /mnt && echo mounted", /mounted/),
	option(
		"--read-only --tmpfs /t:size=1m,mode=1700",
		"touch /x 2>&1; touch /t/x && stat -c %a /t; df -k /t | tail -1",
		/Read-only[\s\S]*1700/,
	),
	option("-v /usr/share:/mnt:ro", "touch /mnt/x 2>&1; ls -d /mnt/doc", /Read-only[\s\S]*\/mnt\/doc/),
	option("--mount type=bind,src=/usr,dst=/mnt,readonly,bind-propagation=rprivate", `${mounts} | grep '^/mnt'`, /\/mnt ro/),
	option("-v volume:/data", "touch /data/x && ls /data", /^x\n$/),
	option("--security-opt no-new-privileges", status, /NoNewPrivs:\s1/),
	option("--security-opt seccomp=unconfined", `${status}; unshare -U true 2>&1`, /Seccomp:\s0/),
	option("", "unshare -U true 2>&1", /not permitted/),
	option("--privileged", `${status}; ls /dev | wc -l; ${mounts} | grep -c ' ro '`, /CapEff:\s000001(ff|bf)[\s\S]*Seccomp:\s0/),
	option("--pid host", "test $(ls /proc 2>/dev/null | grep -c '^[0-9]') -gt 10 && echo many", /many/),
	option("--network host", "ls /sys/class/net; cat /proc/net/dev | wc -l", /lo/),
	option("--network none", "ls /sys/class/net; ip addr show lo | head -1", /^lo\n.*UP/),
	option("--ipc host --uts host", "hostname", /./),
	option("--hostname some --domainname where.org", "hostname; cat /proc/sys/kernel/domainname", /^some\n/),
	option("--sysctl kernel.shmmni=77 --ipc private", "cat /proc/sys/kernel/shmmni", /^77\n$/),
	option("--ulimit nofile=100:200 --ulimit core=0", "ulimit -Sn; ulimit -Hn; ulimit -c", /^100\n200\n0\n$/),
	option("--shm-size 2m", "df -k /dev/shm | tail -1", /2048/),
	option("--device /dev/loop-control:/dev/lc:r", "cat /dev/lc 2>&1 | head -c 40; ls -l /dev/lc | cut -c1-10", /^c/m),
	option("", "mknod /tmp/sda b 7 0; cat /tmp/sda 2>&1", /not permitted/),
	option("--device-cgroup-rule b*7:0*rmw", "echo never", /^$/),
	option("--oom-score-adj 300", "cat /proc/self/oom_score_adj", /^300\n$/),
	option("-e A=1 -w /made/now", "echo $A; pwd", /^1\n\/made\/now\n$/),
	option(
		"-m 64m --memory-swap 64m --memory-reservation 32m",
		"cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null",
		/67108864/,
	),
	option("--cpus 0.5", "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null", /50000/),
	option("--cpu-shares 300 --cpuset-cpus 0", "grep Cpus_allowed_list /proc/self/status", /:\s0\n/),
	option("--pids-limit 20", "for i in $(seq 40); do sleep 2 & done 2>&1 | grep -c -m1 -i 'resource'; true", /./),
	option("--cgroupns private", "sed 's/^[0-9]*://' /proc/self/cgroup | sort | tail -3", /:\/\n/),
	option("--cgroupns host", "sed -E 's/^[0-9]*://; s/[0-9a-f]{64}/ID/' /proc/self/cgroup | sort | grep -c ID", /^[1-9]/),
	option(
		"--device-read-bps /dev/loop0:1mb",
		"cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device /sys/fs/cgroup/io.max 2>/dev/null",
		/^/,
	),
	option("--blkio-weight 300 --kernel-memory 32m", "echo fine", /^/),
	option("--security-opt systempaths=unconfined", `cat /proc/sys/kernel/panic; ${mounts} | grep -c ' /proc/'`, /./),
	option("--isolation default --stop-signal 10 --label a=b", "echo fine", /fine/),
].filter(({ options }) => !options[1]?.startsWith("b*"));

/** A run that fails before anything of the user's runs. */
export type Refusal = {
	readonly options: readonly string[];
	readonly command: readonly string[];
	readonly status: number;
	readonly says: RegExp;
};

/** Runs that are refused: docker makes its exit status of the runtime's words. */
export const dockerRefusals: readonly Refusal[] = [
	{ options: [], command: ["nosuch"], status: 127, says: /"nosuch": .*(executable file not found in \$PATH|no such file or directory)/ },
	{ options: [], command: ["/no/such"], status: 127, says: /\/no\/such.*no such file or directory/ },
	{ options: [], command: ["/etc/not-executable"], status: 126, says: /\/etc\/not-executable.*permission denied/ },
	{ options: [], command: ["/etc"], status: 126, says: /\/etc.*(permission denied|is a directory)/ },
	{ options: ["-w", "/etc/passwd"], command: ["true"], status: 125, says: /not a directory/ },
	{ options: ["--user", "no-such"], command: ["true"], status: 125, says: /unable to find user no-such/ },
	{ options: ["--sysctl", "kernel.nosuch=1"], command: ["true"], status: 125, says: /kernel.nosuch/ },
	{ options: ["-v", "/usr:/etc/passwd"], command: ["true"], status: 125, says: /not a directory|EINVAL/i },
	{ options: ["--device", "/dev/no-such"], command: ["true"], status: 127, says: /no-such/ },
];
