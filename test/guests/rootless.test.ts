// Units without privilege: User= of a service of the machine, and services of a user's own manager. The payload is the main process here
// too; ids are those that /etc/subuid grants.

import { afterAll, beforeAll, expect } from "bun:test";
import { testWhen } from "../support/skip.ts";
import { bootLimitMs, bootUnits, noGuest, payload, type Units } from "./units.ts";

const inGuest = testWhen(noGuest === undefined, noGuest ?? "");
const asWeb = "setpriv --reuid web --regid web --init-groups env HOME=/share/web XDG_RUNTIME_DIR=/run/user/1000";
let units: Units;

beforeAll(async () => {
	if (noGuest !== undefined) return;
	units = await bootUnits();
	// overlayfs takes no writable layer from the guest's own root, which is an overlay.
	await units.sh(`mkdir /share/web; chown web:web /share/web; chmod 755 /share; usermod -d /share/web web
		systemctl start user@1000.service; ${asWeb} corten pull -q docker-archive:/share/docker.tar`);
}, bootLimitMs);
afterAll(() => units?.[Symbol.asyncDispose]());

const lines = async (script: string) => (await units.sh(script)).split("\n");

inGuest("User= of a service: corten builds the container as that user, and the payload is root of its user namespace", async () => {
	const script = [
		...["id -u", "cat $$CREDENTIALS_DIRECTORY/secret", "echo", "touch $$STATE_DIRECTORY/kept", "chown 33 $$STATE_DIRECTORY/kept"],
		...["cat /proc/self/uid_map | xargs -n3 echo", `exec ${payload} echo:end hang`],
	];
	const settings = ["Type=notify", "User=web", "StateDirectory=theirs", "SetCredential=secret:treasure"];
	await units.service("own", { lines: settings, command: `sh -c '${script.join("; ")}'` });
	const seen =
		await lines(`systemctl start own; until_ 'log own | grep -q end'; log own; members own; stat -c %u /proc/$(pid own) /var/lib/theirs/kept
		${asWeb} corten ps --format '{{.State}}'; ${asWeb} corten exec $(${asWeb} corten ps -q) id -u
		systemctl stop own; show own Result; ${asWeb} corten rm none 2>/dev/null || true; ls /share/web/.local/share/corten/containers; echo none`);
	expect(seen).toEqual([
		"0",
		"treasure",
		"0 1000 1",
		"1 100000 65536",
		"end",
		"payload",
		"1000",
		"100032",
		"running",
		"0",
		"success",
		"none",
	]);
});

inGuest("a service of a user's manager", async () => {
	const unit = `[Service]\\nType=notify\\nExecStart=/usr/bin/corten run --rm --name mine -v /share/payload:${payload}:ro busybox ${payload} hang\\n`;
	const manager = "systemctl -M web@ --user";
	await units.sh(`printf '${unit}' >/etc/systemd/user/mine.service`);
	const seen = await lines(`${manager} daemon-reload; ${manager} start mine; main=$(${manager} show mine -p MainPID --value)
		cat /proc/$main/comm; ${manager} show mine -p ActiveState --value; grep -o 'user@1000.service/.*' /proc/$main/cgroup | tail -1
		kill -9 $main; until_ '[ "$(${manager} show mine -p ActiveState --value)" = failed ]'; ${manager} show mine -p Result --value`);
	expect(seen).toEqual(["payload", "active", "user@1000.service/app.slice/mine.service", "signal"]);
});

inGuest("run -d of a user is a transient unit of the user's manager", async () => {
	const corten = `${asWeb} corten`;
	const seen = await lines(`${corten} run -d --name wide -v /share/payload:${payload}:ro busybox ${payload} echo:up hang >/dev/null
		${corten} ps --format '{{.Names}} {{.State}} {{.Unit}}'; systemctl -M web@ --user is-active corten-wide.service
		${corten} exec wide id -u; ${corten} stop wide; ${corten} ps -a --format '{{.Status}}' | cut -d' ' -f1,2; ${corten} rm wide; ls /share/web/.local/share/corten/containers; echo none`);
	expect(seen).toEqual(["wide running corten-wide.service", "active", "0", "wide", "Exited (0)", "wide", "none"]);
});
