// The example units of docs/examples, as they are written; and each setting of a unit's sandbox by itself: it leaves corten enough to start, or
// the unit fails with an error. docs/operator.md has both as tables.

import { afterAll, beforeAll, expect } from "bun:test";
import { cpSync } from "node:fs";
import { top } from "../support/corten.ts";
import { testWhen } from "../support/skip.ts";
import { bootLimitMs, bootUnits, noGuest, type Units } from "./units.ts";

const inGuest = testWhen(noGuest === undefined, noGuest ?? "");
let units: Units;

beforeAll(async () => {
	if (noGuest !== undefined) return;
	units = await bootUnits();
	cpSync(`${top}/docs/examples`, `${units.guest.share}/examples`, { recursive: true });
	cpSync(`${top}/systemd/tmpfiles.conf`, `${units.guest.share}/corten.conf`);
	// As after a boot: nothing of corten has run.
	await units.sh("rm -rf /run/corten; cp /share/corten.conf /usr/lib/tmpfiles.d/ && systemd-tmpfiles --create corten.conf");
	await units.sh(`cp /share/examples/*.service /run/systemd/system/; mkdir -p /srv/www; echo hello >/srv/www/index.html`);
	await units.guest.reload();
}, bootLimitMs);
afterAll(() => units?.[Symbol.asyncDispose]());

for (const [name, exposure, who] of [
	["web-hardened", 3.6, "33"],
	["web", 9.6, "0"],
] as const) {
	inGuest(`docs/examples/${name}.service serves`, async () => {
		const seen = await units.sh(`systemctl start ${name}; pid=$(systemctl show -P MainPID ${name})
			for i in $(seq 300); do { exec 5<>/dev/tcp/127.0.0.1/8080; } 2>/dev/null && break; sleep 0.1; done
			printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&5; tail -1 <&5
			awk '/^Uid:/ {print $2}' /proc/$pid/status; systemctl stop ${name}; systemctl show -P ActiveState ${name}`);
		expect(seen.split("\n").slice(0, 2)).toEqual(["hello", who]);
		const security = await units.sh(`systemd-analyze security --no-pager --offline=yes /run/systemd/system/${name}.service || true`);
		expect(Number(/exposure level for [^:]*: ([0-9.]+)/.exec(security)?.[1])).toBeLessThanOrEqual(exposure);
	});
}

/** Under which corten starts: each by itself. */
const held = [
	...["NoNewPrivileges=yes", "RestrictAddressFamilies=AF_UNIX", "SystemCallArchitectures=native", "MemoryDenyWriteExecute=yes"],
	...["SystemCallFilter=@system-service @mount seccomp sethostname bpf", "RestrictRealtime=yes", "LockPersonality=yes", "ProtectClock=yes"],
	...["RestrictNamespaces=cgroup ipc mnt net pid uts", "ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes"],
	...["ProtectHome=yes", "ProtectSystem=full", "ProtectSystem=strict\nReadWritePaths=/var/lib/corten /run/corten", "PrivateTmp=yes"],
	...[
		"PrivateNetwork=yes",
		"PrivateIPC=yes",
		"PrivateMounts=yes",
		"ProtectProc=invisible",
		"ProcSubset=pid",
		"RemoveIPC=yes",
		"UMask=0077",
	],
	...["IPAddressDeny=any", "KeyringMode=private"],
	"CapabilityBoundingSet=CAP_SYS_ADMIN CAP_NET_ADMIN CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_DAC_OVERRIDE",
];

inGuest(
	"settings that leave corten enough",
	async () => {
		const failures: string[] = [];
		for (const setting of held) {
			await units.service("held", { lines: ["Type=notify", "KillSignal=SIGKILL", ...setting.split("\n")], command: "sleep 1000" });
			const said = await units.sh(`systemctl start held || true
				until_ 'case $(cat /proc/$(pid held)/comm 2>/dev/null) in sleep) echo runs;; corten*) false;; *) log held;; esac'
				systemctl stop held; systemctl reset-failed held || true`);
			if (!/^runs$/m.test(said)) failures.push(`${setting}: ${said}`);
		}
		expect(failures).toEqual([]);
	},
	300_000,
);

inGuest("the umask of a unit is its payload's, and not that of the container's own files", async () => {
	const command = 'sh -c "umask; ls -ld / | cut -c 1-10; echo end; exec sleep 1000"';
	await units.service("masked", { lines: ["Type=notify", "UMask=0077", "KillSignal=SIGKILL"], options: "--rm --user 1000", command });
	const seen = await units.sh(
		"systemctl start masked; until_ 'log masked | grep -q end'; log masked; systemctl stop masked || true; systemctl reset-failed masked || true",
	);
	expect(seen.split("\n")).toEqual(["0077", "drwxr-xr-x", "end"]);
});

inGuest("sysctls of the container can be set where /proc/sys cannot be written", async () => {
	const command = 'sh -c "cat /proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ping_group_range; echo end; exec sleep 1000"';
	await units.service("tuned", {
		lines: ["Type=notify", "ProtectKernelTunables=yes", "KillSignal=SIGKILL"],
		options: "--rm --network none --sysctl net.ipv4.ip_forward=1",
		command,
	});
	const seen = await units.sh(
		"systemctl start tuned; until_ 'log tuned | grep -q end'; log tuned; systemctl stop tuned || true; systemctl reset-failed tuned || true",
	);
	expect(seen.split("\n")).toEqual(["1", "0\t2147483647", "end"]);
});

/** Under which it cannot, with what it says. */
const refused: readonly (readonly [setting: string, says: string])[] = [
	["SystemCallFilter=@system-service", "a system call filter (SystemCallFilter=)"],
	["RestrictAddressFamilies=none", "EAFNOSUPPORT"],
	["RestrictNamespaces=yes", "cannot make the new process"],
	["RestrictSUIDSGID=yes", "its system call filter forbids openat2"],
	["ProtectHostname=yes", "cannot set hostname"],
	["ProtectSystem=strict", "ReadWritePaths=/var/lib/corten /run/corten"],
	["PrivateUsers=yes", "EPERM"],
];

inGuest(
	"settings that do not, and what the unit says",
	async () => {
		const wrong: string[] = [];
		for (const [setting, says] of refused) {
			await units.service("refused", { lines: ["Type=notify", setting], command: "sleep 1000" });
			const said = await units.sh(
				"systemctl start refused && echo started; log refused; systemctl stop refused; systemctl reset-failed refused || true",
			);
			if (!said.includes(says)) wrong.push(`${setting}: ${said}`);
		}
		expect(wrong).toEqual([]);
	},
	300_000,
);

inGuest("a name is free when the container that had it has ended with its unit", async () => {
	await units.service("named", { lines: ["Type=notify", "KillSignal=SIGKILL"], options: "--rm --name taken", command: "sleep 1000" });
	expect(await units.sh("systemctl start named; systemctl stop named || true; corten run --rm --name taken busybox echo free")).toContain(
		"free",
	);
});
