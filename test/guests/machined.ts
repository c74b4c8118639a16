// systemd-machined for a guest: the host has it with systemd-nspawn, and the guest's systemd is the same Debian's.

import { existsSync } from "node:fs";
import { must } from "../support/must.ts";
import type { Units } from "./units.ts";

const files = [
	...["lib/systemd/system/systemd-machined.service", "lib/systemd/system/machine.slice", "lib/systemd/systemd-machined"],
	...["usr/bin/machinectl", "usr/share/dbus-1/system-services/org.freedesktop.machine1.service"],
	...["usr/share/dbus-1/system.d/org.freedesktop.machine1.conf", "lib/systemd/system/dbus-org.freedesktop.machine1.service"],
];

/** What of it the host lacks. */
export const noMachined = files.find((path) => !existsSync(`/${path}`));

/** Puts it into the guest, and starts it. */
export async function installMachined({ guest, sh }: Units): Promise<void> {
	must(["tar", "-C", "/", "-cf", `${guest.share}/machined.tar`, ...files]);
	await sh("tar -C / --keep-directory-symlink -xf /share/machined.tar");
	await guest.reload();
	await sh(
		"busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig >/dev/null; systemctl start systemd-machined",
	);
}
