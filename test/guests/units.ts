// A booted guest with corten, an image and a payload that speaks sd_notify(3), for tests of units.

import { cpSync, mkdirSync } from "node:fs";
import { top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { must } from "../support/must.ts";
import { installed } from "../support/skip.ts";
import { bootNspawn, type Guest } from "./nspawn.ts";

/** Why there can be no guest here; undefined when there can. */
export const noGuest =
	process.getuid?.() !== 0
		? "it needs root"
		: installed("systemd-nspawn") && installed("mmdebstrap")
			? undefined
			: "not installed: systemd-nspawn or mmdebstrap";

/** How long a boot may take: also on a busy machine whose guest's root filesystem is still to be made. */
export const bootLimitMs = 600_000;

/** The guest and how to work in it. */
export type Units = AsyncDisposable & {
	readonly guest: Guest;
	/** Runs a script under `bash -e`. @returns its output; @throws with it when the script fails */
	sh(script: string, timeoutMs?: number): Promise<string>;
	/** Writes a service and has systemd read it. `options` and `command` are those of `corten run`, the payload's by default. */
	service(name: string, unit: Service): Promise<void>;
};

/** A service whose ExecStart is `corten run`. */
export type Service = {
	/** Lines of [Service]. */
	readonly lines?: readonly string[];
	/** Of `corten run`, before the image. */
	readonly options?: string;
	/** After the image. */
	readonly command: string;
	/** `!` and the like. */
	readonly prefix?: string;
};

/** The payload of payload.c inside a container. */
export const payload = "/payload";

/** Boots a guest; `corten` is in its PATH, busybox in its store. */
export async function bootUnits(): Promise<Units> {
	const guest = await bootNspawn();
	const sh = async (script: string, timeoutMs = 100_000): Promise<string> => {
		const { status, stdout, stderr } = await guest.run(["bash", "-e", "-c", `${prelude}\n${script}`], { timeoutMs });
		if (status !== 0) throw new Error(`status ${status}\n${stdout}${stderr}`);
		return stdout.trim();
	};
	try {
		cpSync(`${fixture("busybox")}/docker.tar`, `${guest.share}/docker.tar`);
		must(["gcc", "-static", "-O1", "-Wall", "-o", `${guest.share}/payload`, `${top}/test/guests/payload.c`]);
		mkdirSync(`${guest.share}/lib`);
		// An EROFS file cannot be mounted from the guest's own root, which is an overlay.
		await sh(`ln -sf /corten/corten /usr/bin/corten; mkdir -p /var/lib/corten; mount --bind /share/lib /var/lib/corten
			corten pull -q docker-archive:/share/docker.tar >/dev/null`);
	} catch (error) {
		await guest[Symbol.asyncDispose]();
		throw error;
	}
	return {
		guest,
		sh,
		service: async (name, { lines = [], options = "--rm", command, prefix = "" }) => {
			const words = [`ExecStart=${prefix}/usr/bin/corten run ${options} -v /share/payload:${payload}:ro busybox ${command}`, ...lines];
			const unit = `[Unit]\nStartLimitIntervalSec=0\n[Service]\n${words.join("\n")}\n`;
			await sh(`cat >/run/systemd/system/${name}.service <<'EOF'\n${unit}EOF`);
			await guest.reload();
		},
		[Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
	};
}

/** Words for the scripts: `show UNIT PROPERTY...` prints values, a line each in systemd's order; `until CONDITION` waits; `pid UNIT`. */
const prelude = `show() { local unit=$1; shift; for p in "$@"; do echo "$(systemctl show "$unit" -p $p --value)"; done; }
pid() { systemctl show "$1" -p MainPID --value; }
until_() { for i in $(seq 200); do eval "$1" && return 0; sleep 0.1; done; echo "never: $1"; return 1; }
log() { journalctl -q -u "$1" -o cat --no-pager; }
members() { cat /sys/fs/cgroup/unified/system.slice/$1.service/cgroup.procs | xargs -r ps -o comm= -p; }`;
