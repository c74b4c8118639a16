// Which Linux security modules label processes here, and through which file.

import { exists, readTextIfPresent } from "./file.ts";

/** What a label of config.json needs of the machine. */
export type SecurityModules = {
	/** The file below /proc/self/attr that takes AppArmor's profile; undefined where AppArmor is not on. */
	readonly apparmor: string | undefined;
	readonly selinux: boolean;
};

/** Looks for AppArmor and SELinux. Costs two or three files. */
export function readSecurityModules(mountinfo: string): SecurityModules {
	const apparmor = readTextIfPresent("/sys/module/apparmor/parameters/enabled")?.startsWith("Y") === true;
	// A file of its own since Linux 5.8; before, the one that all modules share.
	const own = apparmor && exists("/proc/self/attr/apparmor/exec");
	return { apparmor: own ? "apparmor/exec" : apparmor ? "exec" : undefined, selinux: mountinfo.includes(" - selinuxfs ") };
}
