// Every option word of a mount that is not the filesystem's own, as parseMountOptions (mount-flags.ts) takes it: for `features`.
// @see runtime-spec config.md#linux-mount-options

const attributes = ["ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "symfollow", "nosymfollow"];
const times = ["atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime"];
const superblock = [
	"sync",
	"async",
	"dirsync",
	"lazytime",
	"nolazytime",
	"mand",
	"nomand",
	"iversion",
	"noiversion",
	"acl",
	"noacl",
	"silent",
	"loud",
];
const propagation = ["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"];
const actions = ["bind", "rbind", "remount", "defaults", "tmpcopyup", "idmap", "ridmap"];

/** In alphabetical order. */
export const mountOptionNames: readonly string[] = [
	...[...attributes, ...times].flatMap((word) => [word, `r${word}`]),
	...superblock,
	...propagation,
	...actions,
].sort();
