// Every option word of the runtime specification means something to parseMountOptions, and the last of two opposites wins.

import { expect, test } from "bun:test";
import * as flag from "./mount-flags.ts";

const words =
	"async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync unbindable";
/** Words of the superblock, which the kernel's fsconfig takes as they are. */
const superblock = ["async", "dirsync", "lazytime", "mand", "nolazytime", "nomand", "sync"];

test("every word of the specification is understood; the superblock's are handed on", () => {
	for (const word of words.split(" ")) {
		const options = flag.parseMountOptions([word]);
		expect(options.unsupported, word).toEqual([]);
		expect(options.data, word).toEqual(superblock.includes(word) ? [word] : []);
	}
});

test("words that cannot be had are named", () => {
	expect(flag.parseMountOptions(["remount", "tmpcopyup", "idmap", "ridmap"]).unsupported).toEqual([
		"remount",
		"tmpcopyup",
		"idmap",
		"ridmap",
	]);
});

test("of two opposites the last wins, for the mount and for the tree apart", () => {
	const options = flag.parseMountOptions(["ro", "nosuid", "rw", "rro", "noatime", "strictatime", "size=64k", "rslave", "rbind"]);
	expect(options).toEqual({
		bind: "rbind",
		attributes: { set: flag.MOUNT_ATTR_NOSUID | flag.MOUNT_ATTR_STRICTATIME, clear: flag.MOUNT_ATTR_RDONLY | flag.MOUNT_ATTR__ATIME },
		recursiveAttributes: { set: flag.MOUNT_ATTR_RDONLY, clear: 0 },
		propagation: flag.MS_SLAVE,
		propagationRecursive: true,
		data: ["size=64k"],
		unsupported: [],
	});
});
