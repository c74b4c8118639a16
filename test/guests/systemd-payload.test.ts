// systemd as payload: a Debian boots to multi-user as a container, in a unit, in the background and in the foreground, under a real systemd 252
// (hybrid cgroups). The same on cgroup v2 alone is in vm-systemd.test.ts.

import { afterAll, beforeAll, expect } from "bun:test";
import { testWhen } from "../support/skip.ts";
import { installMachined, noMachined } from "./machined.ts";
import { makeRoot } from "./systemd-payload.ts";
import { bootLimitMs, bootUnits, noGuest, type Units } from "./units.ts";

const inGuest = testWhen(noGuest === undefined, noGuest ?? "");
let units: Units;

const delegated = `Delegate=yes
KillMode=mixed
KillSignal=SIGRTMIN+3
TimeoutStartSec=120
ExecStopPost=/bin/sh -c 'echo $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS >/run/ended'`;
const service = async (name: string, lines: string, options: string): Promise<void> => {
	const start = `ExecStart=/usr/bin/corten run --name ${name} ${options} --rootfs /run/machine/root /sbin/init`;
	await units.sh(`cat >/run/systemd/system/${name}.service <<'EOF'\n[Service]\n${start}\n${lines}\nEOF`);
	await units.guest.reload();
};
const lines = async (script: string) => (await units.sh(script)).split("\n");
const cgroup = "/sys/fs/cgroup/unified/system.slice";
const ofJournal = (name: string) =>
	`journalctl -q -o cat -u word -D /var/lib/corten/containers/$(corten ps -a --no-trunc --filter name=${name} --format '{{.ID}}')/journal | grep inside`;

beforeAll(async () => {
	if (noGuest !== undefined) return;
	units = await bootUnits();
	await units.sh(makeRoot);
}, bootLimitMs);
afterAll(() => units?.[Symbol.asyncDispose]());

inGuest(
	"in a unit it is ready when its own systemd says so, divides the unit's cgroup, and stops by its signal with success",
	async () => {
		await service("machine", `Type=notify\n${delegated}`, "--sdnotify=container");
		const seen = await lines(`systemctl start machine; show machine ActiveState; cat /proc/$(pid machine)/comm
			corten exec machine systemctl is-system-running --wait; corten exec machine systemctl is-active multi-user.target
			corten exec machine systemctl --failed --no-legend
			cd ${cgroup}/machine.service; ls -d init.scope system.slice/systemd-journald.service; cat init.scope/cgroup.procs | xargs ps -o comm= -p; wc -l <cgroup.procs
			find /sys/fs/cgroup -name init.scope | grep -c machine
			[ "$(corten exec machine cat /etc/machine-id)" = "$(corten ps --no-trunc --format '{{.ID}}' | cut -c -32)" ] && echo own-id
			${ofJournal("machine")}
			cd /; systemctl stop machine; show machine ActiveState; cat /run/ended; ls -d ${cgroup}/machine.service 2>/dev/null || true
			${ofJournal("machine")}; corten rm machine; ls /var/lib/corten/containers`);
		expect(seen).toEqual([
			...["active", "systemd", "running", "active", "init.scope", "system.slice/systemd-journald.service", "systemd", "0", "1", "own-id"],
			...["a word from inside", "inactive", "success exited 0", "a word from inside", "machine"],
		]);
	},
	200_000,
);

inGuest("a unit whose cgroup is not delegated is refused with what to write", async () => {
	await service("whole", "Type=notify", "--rm");
	const seen =
		await lines(`systemctl start whole || true; show whole Result; until_ 'log whole | grep -q Delegate=yes'; log whole | grep -o 'Delegate=yes.*'
		systemctl reset-failed whole; corten ps -aq; ls /var/lib/corten/containers`);
	expect(seen).toEqual(["exit-code", "Delegate=yes, KillMode=mixed and KillSignal=SIGRTMIN+3"]);
});

inGuest(
	"in the background its unit is made with what it needs",
	async () => {
		const seen =
			await lines(`corten run -d --name behind --sdnotify=container --rootfs /run/machine/root /lib/systemd/systemd >/dev/null; : >/run/machine/root/etc/machine-id
			show corten-behind.service ActiveState Delegate KillSignal; corten exec behind systemctl is-system-running --wait
			ls -d ${cgroup}/corten-behind.service/init.scope >/dev/null; corten stop behind >/dev/null; corten ps -a --filter name=behind --format '{{.Status}}' | cut -d' ' -f1,2
			${ofJournal("behind")}; corten rm behind`);
		expect(seen).toEqual(["active", "yes", "37", "running", "Exited (0)", "a word from inside", "behind"]);
	},
	200_000,
);

for (const [end, how, status] of [
	["is stopped by its signal", "stop", 0],
	["is killed, and nothing of its cgroups is left", "kill", 137],
] as const) {
	inGuest(
		`in the foreground it has a cgroup of v2 of its own, and ${end}`,
		async () => {
			const seen =
				await lines(`(status=0; corten run --rm --name front --rootfs /run/machine/root /sbin/init >/dev/null 2>&1 || status=$?; echo $status >/run/front) & watcher=$!
				until_ '[ "$(corten exec front systemctl is-system-running 2>/dev/null)" = running ]'; corten exec front cat /proc/1/cgroup | tail -1
				ls -d /sys/fs/cgroup/unified/corten-*/init.scope | wc -l
				corten ${how} front; wait $watcher; cat /run/front; find /sys/fs/cgroup -name 'corten-*'; ls /var/lib/corten/containers`);
			expect(seen).toEqual(["0::/init.scope", "1", "front", `${status}`]);
		},
		200_000,
	);
}

testWhen(noGuest === undefined && noMachined === undefined, noGuest ?? `not installed: /${noMachined}`)(
	"registered, machinectl lists it and opens a shell in it",
	async () => {
		await installMachined(units);
		const seen =
			await lines(`corten run -d --name shells --register --sdnotify=container --rootfs /run/machine/root /sbin/init >/dev/null; : >/run/machine/root/etc/machine-id
			machinectl list --no-legend --no-pager | awk '{print $1, $2, $3}'
			machinectl shell shells /bin/sh -c 'cat /proc/1/comm; echo $container' </dev/null | tr -d '\\r' | grep -xE 'systemd|corten'
			corten stop shells >/dev/null; corten rm shells; systemctl stop systemd-machined`);
		expect(seen).toEqual(["shells container corten", "systemd", "shells"]);
	},
	200_000,
);
