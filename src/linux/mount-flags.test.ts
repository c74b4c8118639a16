// Every option word of the runtime specification means something to parseMountOptions, and the last of two opposites wins.

import { expect, test } from "bun:test";
import * as flag from "./mount-flags.ts";

const words =
	"acl async atime bind defaults dev diratime dirsync exec idmap iversion lazytime loud mand noacl noatime nodev nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec ridmap rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable";

test("every word of the specification is understood, none is taken for the filesystem's own", () => {
	for (const word of words.split(" ")) expect(flag.parseMountOptions([word]).data, word).toEqual([]);
	expect(flag.parseMountOptions(["size=64k", "newinstance"]).data).toEqual(["size=64k", "newinstance"]);
});

test("of two opposites the last wins, for the mount and for the tree apart", () => {
	const given = ["ro", "nosuid", "rw", "rro", "noatime", "strictatime", "size=64k", "rslave", "shared", "rbind", "sync", "ridmap"];
	expect(flag.parseMountOptions(given)).toEqual({
		bind: "rbind",
		attributes: { set: flag.MOUNT_ATTR_NOSUID | flag.MOUNT_ATTR_STRICTATIME, clear: flag.MOUNT_ATTR_RDONLY | flag.MOUNT_ATTR__ATIME },
		recursiveAttributes: { set: flag.MOUNT_ATTR_RDONLY, clear: 0 },
		propagation: [
			{ bit: flag.MS_SLAVE, recursive: true },
			{ bit: flag.MS_SHARED, recursive: false },
		],
		superblock: ["sync"],
		data: ["size=64k"],
		remount: false,
		copyUp: false,
		idmap: "ridmap",
	});
});

test("mount(2) gets the same words as bits", () => {
	const { attributes, superblock } = flag.parseMountOptions("ro noatime nodiratime nosymfollow sync acl async lazytime".split(" "));
	expect(flag.mountFlags(attributes, superblock)).toBe(0x1 | 0x400 | 0x800 | 0x100 | 0x1_0000 | 0x200_0000);
	expect(flag.fsconfigWords(superblock)).toEqual(["sync", "async", "lazytime"]);
});
