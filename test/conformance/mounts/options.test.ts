// config.md#mounts: the option words of the table "Linux mount options".

import { expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { withScript } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";
import { must } from "../../support/must.ts";

const show = "grep ' /mnt ' /proc/self/mountinfo";

/** option words, what mountinfo must have, what it must not have; of a new tmpfs */
const effects: readonly (readonly [words: string, has: RegExp, hasNot?: RegExp])[] = [
	["ro", / \/mnt ro/],
	["rw", / \/mnt rw/],
	["nosuid", / \/mnt \S*nosuid/],
	["suid", / \/mnt /, / \/mnt \S*nosuid/],
	["nosuid suid", / \/mnt /, / \/mnt \S*nosuid/],
	["nodev", / \/mnt \S*nodev/],
	["dev", / \/mnt /, / \/mnt \S*nodev/],
	["nodev dev", / \/mnt /, / \/mnt \S*nodev/],
	["noexec", / \/mnt \S*noexec/],
	["exec", / \/mnt /, / \/mnt \S*noexec/],
	["noexec exec", / \/mnt /, / \/mnt \S*noexec/],
	["noatime", / \/mnt \S*noatime/],
	["noatime atime", / \/mnt /, /noatime/],
	["nodiratime", / \/mnt \S*nodiratime/],
	["nodiratime diratime", / \/mnt /, /nodiratime/],
	["relatime", / \/mnt \S*relatime/],
	["norelatime", / \/mnt /, /noatime/],
	["strictatime", / \/mnt /, /relatime|noatime/],
	["nostrictatime", / \/mnt \S*relatime/],
	["sync", / rw\S*,sync|,sync/],
	["async", / \/mnt /, /,sync/],
	["sync async", / \/mnt /, /,sync/],
	["dirsync", /dirsync/],
	["lazytime", /lazytime/],
	["nolazytime", / \/mnt /, /lazytime/],
	["lazytime nolazytime", / \/mnt /, /lazytime/],
	["defaults", / \/mnt rw/, /nosuid|nodev|noexec|,sync/],
	["silent", / \/mnt /],
	["loud", / \/mnt /],
	["iversion", / \/mnt /],
	["noiversion", / \/mnt /],
	["ro rw", / \/mnt rw/],
	["rw ro", / \/mnt ro/],
	["nosymfollow", / \/mnt \S*nosymfollow/],
	["symfollow", / \/mnt /, /nosymfollow/],
	["private", / \/mnt [^-]* - /, /shared:|master:/],
	["rprivate", / \/mnt [^-]* - /, /shared:|master:/],
	["shared", / \/mnt [^-]*shared:\d+/],
	["rshared", / \/mnt [^-]*shared:\d+/],
	["slave", / \/mnt /, /shared:/],
	["rslave", / \/mnt /, /shared:/],
	["unbindable", / \/mnt [^-]*unbindable/],
	["runbindable", / \/mnt [^-]*unbindable/],
	["size=64k", /size=64k/],
	["mode=0711", /mode=711/],
];

/** What crun 1.8.1 does not do: take a word back, words that only fsopen() or libmount know, propagation of a new mount. */
const notForCrun = new Set(
	(
		"nosuid suid;nodev dev;noexec exec;noatime atime;nodiratime diratime;sync async;silent;loud;iversion;noiversion;ro rw;nosymfollow;symfollow;" +
		"shared;rshared;unbindable;runbindable;rbind rshared;rbind rnoatime;rbind rnodiratime;rbind rnosymfollow"
	).split(";"),
);
const terms = (words: string) => ({
	not: {
		...(words === "defaults" ? { runc: "1.1.5 passes the word on to the filesystem" } : {}),
		...(notForCrun.has(words) ? { crun: "1.8.1 does not apply it" } : {}),
	},
});

for (const [words, has, hasNot] of effects) {
	conformance(
		`option ${words} of a tmpfs`,
		async (world) => {
			const options = words.split(" ");
			const out = await world.sh(show, (config) => config.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs", options }));
			expect(out).toMatch(has);
			if (hasNot !== undefined) expect(out).not.toMatch(hasNot);
		},
		terms(words),
	);
}

/** option words beside bind, what mountinfo must have */
const binds: readonly (readonly [words: string, has: RegExp])[] = [
	["bind", / \/mnt rw/],
	["rbind", / \/mnt rw/],
	["bind ro", / \/mnt ro/],
	["rbind ro", / \/mnt ro/],
	["bind ro nosuid nodev noexec", / \/mnt ro,nosuid,nodev,noexec/],
	["bind noatime", / \/mnt \S*noatime/],
	["bind rprivate", / \/mnt rw(?![^-]*(shared|master))/],
	["rbind rshared", / \/mnt [^-]*shared:/],
];

for (const [words, has] of binds) {
	conformance(
		`options ${words}`,
		async (world) => {
			const out = await world.sh(show, (config, bundle) => {
				mkdirSync(`${bundle}/data`);
				config.mounts.push({ destination: "/mnt", type: "bind", source: `${bundle}/data`, options: words.split(" ") });
			});
			expect(out).toMatch(has);
		},
		terms(words),
	);
}

conformance("a read-only bind mount cannot be written to", async (world) => {
	const out = await world.sh("touch /mnt/file 2>&1 || true", (config, bundle) => {
		mkdirSync(`${bundle}/data`);
		config.mounts.push({ destination: "/mnt", type: "bind", source: `${bundle}/data`, options: ["bind", "ro"] });
	});
	expect(out).toContain("Read-only file system");
});

conformance("option remount changes a mount that is there", async (world) => {
	const out = await world.sh(show, (config) => {
		config.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["rw"] });
		config.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["remount", "ro"] });
	});
	expect(out).toMatch(/ \/mnt ro/);
	expect(out.split("\n")).toHaveLength(1);
});

/** A tmpfs inside of a folder that is bound recursively: rbind takes it along, bind does not, and r-options reach it. */
for (const [words, inner] of [
	["rbind", / \/mnt\/inner rw/],
	["bind", /^$/],
	["rbind rro", / \/mnt\/inner ro/],
	["rbind ro", / \/mnt\/inner rw/],
	["rbind rnosuid", / \/mnt\/inner \S*nosuid/],
	["rbind rnodev", / \/mnt\/inner \S*nodev/],
	["rbind rnoexec", / \/mnt\/inner \S*noexec/],
	["rbind rnoatime", / \/mnt\/inner \S*noatime/],
	["rbind rnodiratime", / \/mnt\/inner \S*nodiratime/],
	["rbind rnosymfollow", / \/mnt\/inner \S*nosymfollow/],
	["rbind rrelatime", / \/mnt\/inner \S*relatime/],
] as const) {
	conformance(
		`options ${words} and a mount below the source`,
		async (world) => {
			const container = world.container((config, bundle) => {
				mkdirSync(`${bundle}/data/inner`, { recursive: true });
				config.mounts.push({ destination: "/mnt", type: "bind", source: `${bundle}/data`, options: words.split(" ") });
				withScript(config, "grep ' /mnt/inner ' /proc/self/mountinfo || true");
			});
			const below = `${container.bundle}/data/inner`;
			must(["mount", "-t", "tmpfs", "tmpfs", below]);
			try {
				const ended = await container.run();
				expect(ended.stderr).toBe("");
				expect(ended.stdout.trim()).toMatch(inner);
			} finally {
				must(["umount", below]);
			}
		},
		terms(words),
	);
}
