// A guest with a kernel of its own, Debian's, and cgroup v2 only: qemu boots it into a script, and reads what that says from the serial
// console. The processor is emulated, so that it is the same everywhere: a start takes about ten seconds, a command half of one.
// By hand, as root: bun test/guests/vm.ts SCRIPT-FILE [systemd]   (in it /corten is build/, /share the disk with the script)

import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { must } from "../support/must.ts";

/** The guest's first program on its disk: the machine a container runtime expects, then the script, then the end. */
const init = `#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /sys/fs/cgroup
mkdir -p /dev/pts /dev/shm && mount -t devpts -o gid=5,mode=620 devpts /dev/pts && mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mount --bind /share/build /corten
ip link set lo up
hostname guest
echo "+cpu +cpuset +io +memory +pids +hugetlb +rdma" | tr ' ' '\\n' | while read -r word; do echo "$word" 2>/dev/null >/sys/fs/cgroup/cgroup.subtree_control; done
echo "guest: begin"
bash /share/script </dev/null 2>&1
echo "guest: status $?"
sync
busybox poweroff -f
`;

/** The same machine under a systemd of Debian's: the script is a service of it, and powers off when it is through. */
const initOfSystemd = `#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount --bind /share/build /corten
echo guest >/etc/hostname
ln -sf /corten/corten /usr/bin/corten
cat >/etc/systemd/system/guest-script.service <<'EOF'
[Unit]
After=basic.target
[Service]
Type=oneshot
Environment=HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/bin/bash -c 'dmesg -n 1; exec >/dev/ttyS0 2>&1; echo "guest: begin"; bash /share/script </dev/null; echo "guest: status $?"; sync; exec busybox poweroff -f'
TimeoutStartSec=infinity
EOF
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf ../guest-script.service /etc/systemd/system/multi-user.target.wants/guest-script.service
exec /lib/systemd/systemd systemd.show_status=0 systemd.log_target=journal
`;

/** How a script in the guest ended. */
export type VmResult = { readonly status: number; readonly output: string; readonly console: string };

/**
 * Boots, runs the script by bash, and ends.
 * @param script its text
 * @param files what else is to lie in /share: name to path of the host
 * @param under what is the guest's first process: a shell, or systemd, whose service the script then is
 * @throws when the guest did not come to the script's end within `timeoutMs`, with its console's last lines
 */
export async function runInVm(
	script: string,
	files: Readonly<Record<string, string>> = {},
	under: "shell" | "systemd" = "shell",
	timeoutMs = 400_000,
): Promise<VmResult> {
	const folder = mkdtempSync(`${tmpdir()}/corten-vm-`);
	try {
		const share = `${folder}/share`;
		mkdirSync(`${share}/build`, { recursive: true });
		for (const name of ["corten", "corten-bun", "launch", "init"]) copyFileSync(`${top}/build/${name}`, `${share}/build/${name}`);
		must(["ln", "-s", "corten", `${share}/build/corten-runtime`]);
		writeFileSync(`${share}/init`, under === "systemd" ? initOfSystemd : init);
		chmodSync(`${share}/init`, 0o755);
		writeFileSync(`${share}/script`, script);
		for (const [name, path] of Object.entries(files)) must(["cp", "-a", path, `${share}/${name}`]);
		must(["/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", share, `${folder}/share.ext4`, "400M"]);
		const text = await boot(folder, timeoutMs);
		const found = /guest: begin\r?\n([\s\S]*)guest: status (\d+)/.exec(text);
		if (found === null) throw new Error(`the guest did not come to the script's end:\n${text.split("\n").slice(-40).join("\n")}`);
		return { status: Number(found[2]), output: (found[1] ?? "").replaceAll("\r", ""), console: text };
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

/** @returns what the serial console said until the guest's end */
async function boot(folder: string, timeoutMs: number): Promise<string> {
	const vm = fixture("vm");
	const words = [
		...["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-m", "1536", "-smp", "2"],
		...["-accel", "tcg,thread=multi", "-cpu", "max", "-serial", `file:${folder}/console`, "-kernel", `${vm}/vmlinuz`],
		...["-initrd", `${vm}/initrd`, "-append", "console=ttyS0 quiet panic=-1 cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1"],
		...["-drive", `file=${vm}/root.ext4,format=raw,if=virtio,snapshot=on`, "-drive", `file=${folder}/share.ext4,format=raw,if=virtio`],
	];
	const env = { PATH: "/usr/bin:/bin", TMPDIR: folder };
	const qemu = Bun.spawn(words, { stdin: "ignore", stdout: "ignore", stderr: "pipe", env });
	const alarm = setTimeout(() => qemu.kill("SIGKILL"), timeoutMs);
	const said = await new Response(qemu.stderr).text();
	await qemu.exited;
	clearTimeout(alarm);
	try {
		return `${said}${readFileSync(`${folder}/console`, "utf8")}`;
	} catch {
		throw new Error(`qemu did not start: ${said}`);
	}
}

if (import.meta.main) {
	const { status, console: text } = await runInVm(
		readFileSync(process.argv[2] ?? "/dev/stdin", "utf8"),
		{},
		process.argv[3] === "systemd" ? "systemd" : "shell",
	);
	process.stdout.write(text);
	process.exitCode = status;
}
