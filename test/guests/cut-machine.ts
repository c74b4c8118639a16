// A machine whose power is cut: a VM that is booted once, kept as a file at the moment before it has seen its disk, and resumed from there for
// every life. Its end is SIGKILL: what the guest had not yet given to its disk is gone, as its page cache is.

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { must } from "../support/must.ts";

/** The guest's first program: everything that need not be done again in each life, then a shell on the serial line. */
const init = `#!/bin/busybox sh
for applet in mkdir mount sleep stty; do /bin/busybox ln -s busybox /bin/$applet; done
mkdir -p /proc /sys /dev /root
mount -t proc proc /proc
mount -t devtmpfs dev /dev
while read -r module; do /bin/busybox insmod "/modules/$module" 2>/dev/null; done </modules/order
mount -o ro -t ext4 /dev/vda /root
mount -o ro -t ext4 /dev/vdb /root/share
mount -o move /dev /root/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /bin/bash /share/init
`;
const secondInit = `
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TERM=dumb
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /dev/pts /dev/shm; mount -t devpts devpts /dev/pts; mount -t tmpfs shm /dev/shm
mount -t tmpfs -o mode=755 run /run; mount -t tmpfs -o mode=1777 tmp /tmp
dmesg -n 1
ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2
hostname guest
echo "+cpu +io +memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
/share/build/corten version >/dev/null; /share/build/corten --root /tmp/warm --runroot /run/warm store check >/dev/null; rm -rf /tmp/warm
stty -F /dev/ttyS0 raw -echo
echo "guest: ready"
exec </dev/ttyS0 >/dev/ttyS0 2>&1
while IFS= read -r line; do eval "$line"; done
`;

/** The guest's memory, MiB. */
const memory = 1024;

/** A life of the machine. */
export type Life = AsyncDisposable & {
	/** Runs a command line in the guest's shell. @returns its output and status @throws when it does not end within `timeoutMs` */
	readonly run: (command: string, timeoutMs?: number) => Promise<{ readonly status: number; readonly output: string }>;
	/** The power is gone: nothing more is written. */
	readonly cut: () => Promise<void>;
};

/** The machine; its lives follow each other. */
export type CutMachine = Disposable & {
	/** Its disk, a file: seen as /dev/vdc. */
	readonly disk: string;
	/** Where the guest finds a port of this host's loopback. */
	readonly host: string;
	readonly resume: () => Promise<Life>;
};

type Qemu = ReturnType<typeof start>;

/**
 * Boots it and keeps it as a file.
 * @param folder an empty one of the caller's, on a disk with some 600 MB
 * @param files what is to lie in /share: name to path
 */
export async function makeCutMachine(folder: string, files: Readonly<Record<string, string>>): Promise<CutMachine> {
	const [vm, share, disk, state] = [fixture("vm"), `${folder}/share`, `${folder}/disk`, `${folder}/state`];
	mkdirSync(`${share}/build`, { recursive: true });
	for (const name of ["corten", "corten-bun", "launch", "init"]) copyFileSync(`${top}/build/${name}`, `${share}/build/${name}`);
	writeFileSync(`${share}/init`, secondInit);
	for (const [name, path] of Object.entries(files)) must(["cp", "-a", path, `${share}/${name}`]);
	must(["/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", share, `${folder}/share.ext4`, "400M"]);
	mkdirSync(`${folder}/first`);
	writeFileSync(`${folder}/first/cut-init`, init, { mode: 0o755 });
	must(["sh", "-c", "echo cut-init | busybox cpio -o -H newc >../more 2>/dev/null"], { cwd: `${folder}/first` });
	writeFileSync(`${folder}/initrd`, Buffer.concat([readFileSync(`${vm}/initrd`), readFileSync(`${folder}/more`)]));
	must(["/sbin/mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", disk, "512M"]);
	{
		await using qemu = start(folder, []);
		await qemu.until("guest: ready", 120_000);
		// The blocks that the kernel read of the disk while it looked for partitions must not be known to a later life.
		await qemu.command("blockdev --flushbufs /dev/vdc", 30_000);
		await qemu.keep(state);
	}
	const resume = async (): Promise<Life> => {
		const qemu = start(folder, ["-incoming", `exec:cat ${state}`]);
		return { run: qemu.command, cut: qemu.kill, [Symbol.asyncDispose]: qemu.kill };
	};
	return { disk, host: "10.0.2.2", resume, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

function start(folder: string, more: readonly string[]) {
	const vm = fixture("vm");
	const words = [
		...["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-m", String(memory), "-smp", "1"],
		...["-accel", "tcg,thread=multi", "-cpu", "max", "-kernel", `${vm}/vmlinuz`, "-initrd", `${folder}/initrd`],
		...["-append", "console=ttyS0 quiet panic=-1 cgroup_no_v1=all rdinit=/cut-init"],
		...["-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial", "-qmp", `unix:${folder}/qmp,server=on,wait=off`],
		...["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="],
		...[
			"-drive",
			`file=${vm}/root.ext4,format=raw,if=virtio,readonly=on`,
			"-drive",
			`file=${folder}/share.ext4,format=raw,if=virtio,readonly=on`,
		],
		// The host stays up, so that its own flushes would only cost time.
		...["-drive", `file=${folder}/disk,format=raw,if=virtio,cache=unsafe`],
		...more,
	];
	const qemu = Bun.spawn(words, { stdin: "pipe", stdout: "pipe", stderr: "inherit", env: { PATH: "/usr/bin:/bin", TMPDIR: folder } });
	let said = "";
	let ended = false;
	let heard: () => void = Boolean;
	const reading = (async () => {
		const decoder = new TextDecoder();
		for await (const chunk of qemu.stdout) {
			said += decoder.decode(chunk, { stream: true });
			heard();
		}
		ended = true;
		heard();
	})();
	/** Waits for text on the console and takes all up to its end. */
	const until = async (text: string | RegExp, timeoutMs: number): Promise<string> => {
		for (const late = Date.now() + timeoutMs; ; ) {
			const found = typeof text === "string" ? said.indexOf(text) : said.search(text);
			if (found >= 0) {
				const end = said.indexOf("\n", found) + 1;
				if (end > 0) {
					const taken = said.slice(0, end);
					said = said.slice(end);
					return taken;
				}
			}
			const left = late - Date.now();
			if (left <= 0 || ended) throw new Error(`the guest did not say ${text}:\n${said.slice(-4000)}`);
			await new Promise<void>((resolve) => {
				const alarm = setTimeout(resolve, Math.min(left, 1000));
				heard = () => {
					clearTimeout(alarm);
					resolve();
				};
			});
		}
	};
	let count = 0;
	const command = async (line: string, timeoutMs = 60_000) => {
		const mark = `guest-${process.pid}-${count++}`;
		// The first byte after a resume is lost: it is a line's end. The mark is put together by the guest, so that it is not found in the line itself.
		qemu.stdin.write(`\n{ ${line}; } </dev/null 2>&1; echo "${mark}"":" $?\n`);
		qemu.stdin.flush();
		const output = (await until(new RegExp(`^${mark}: \\d+\\r?\\n`, "m"), timeoutMs)).replaceAll("\r", "");
		const at = output.lastIndexOf(`${mark}: `);
		return { status: Number(output.slice(at + mark.length + 2)), output: output.slice(0, at) };
	};
	const kill = async () => {
		qemu.kill("SIGKILL");
		await Promise.all([qemu.exited, reading]);
	};
	/** Stops the guest and writes all that it is to a file. */
	const keep = async (state: string): Promise<void> => {
		let answers = "";
		const socket = await Bun.connect({
			unix: `${folder}/qmp`,
			socket: {
				data: (_socket, data) => {
					answers += new TextDecoder().decode(data);
				},
			},
		});
		const say = (execute: string, args?: object) =>
			socket.write(JSON.stringify({ execute, ...(args === undefined ? {} : { arguments: args }) }));
		say("qmp_capabilities");
		say("migrate-set-parameters", { "max-bandwidth": 2 ** 40 });
		say("migrate", { uri: `exec:cat >${state}` });
		for (const late = Date.now() + 60_000; !/"status": "completed"/.test(answers); ) {
			if (Date.now() > late || /"status": "failed"/.test(answers)) throw new Error(`the guest cannot be kept: ${answers}`);
			await Bun.sleep(100);
			say("query-migrate");
		}
		socket.end();
	};
	return { until, command, keep, kill, [Symbol.asyncDispose]: kill };
}

export type { Qemu };
