// What the translators share: the surroundings of a file, and what they make of it.

import { type Entry, type Line, lastOf, type Remark } from "./unit-file.ts";
import { quoteWords } from "./words.ts";

/** The parts of a service that a translator adds to what the file itself says. */
export type Service = { readonly service: readonly Line[]; readonly unit: readonly Line[] };

/** What a translator knows and whom it tells. */
export type Context = {
	/** The file's name without its kind. */
	readonly stem: string;
	/** The program, absolute. */
	readonly corten: string;
	/** The folder of named volumes, with specifiers. */
	readonly volumes: string;
	/** A proxy listens for the container. */
	readonly proxied: boolean;
	readonly exists: (path: string) => boolean;
	/** The image that a name means: that of an .image file, or the name itself. Notes what it needs. */
	readonly imageOf: (name: string) => string;
	/** Notes that another file's service is needed, if the word is one's name. @returns what the word stands for */
	readonly reference: (word: string) => string;
	/** The credential that Secret= names, as a line of [Service]. */
	readonly secretOf: (name: string) => Line;
	/** The words of Volume= with the source resolved. */
	readonly volumeOf: (words: string) => string;
	readonly mountOf: (words: string) => string;
	readonly remark: (place: Pick<Entry, "file" | "line">, text: string) => void;
	/** For what is said of the whole file. */
	readonly top: Pick<Remark, "file" | "line">;
};

/** A service that fails at its start, and says why: better than one that runs something else, or none. */
export function refuse(context: Context, why: string): Service {
	context.remark(context.top, why);
	return {
		service: [
			["Type", "oneshot"],
			[
				"ExecStart",
				quoteWords([context.corten, "unit", "refuse", `${context.top.file}: ${why}`])
					.replaceAll("%", "%%")
					.replaceAll("$", "$$$$"),
			],
		],
		unit: [],
	};
}

/** .volume: a folder of the host. */
export function translateVolume(entries: readonly Entry[], context: Context): Service {
	for (const key of ["Driver", "Device", "Type", "Image", "Options", "Copy"]) {
		const value = lastOf(entries, "Volume", key);
		if (value !== undefined && !(key === "Driver" && value === "local"))
			return refuse(context, `${key}= is not implemented: a volume is a folder of this machine`);
	}
	const owner = [
		lastOf(entries, "Volume", "User") ?? lastOf(entries, "Volume", "UID"),
		lastOf(entries, "Volume", "Group") ?? lastOf(entries, "Volume", "GID"),
	];
	const path = `${context.volumes}/${volumeName(entries, context.stem)}`;
	const chown: Line[] = owner.some((part) => part !== undefined)
		? [["ExecStart", quoteWords(["/bin/chown", `${owner[0] ?? ""}${owner[1] === undefined ? "" : `:${owner[1]}`}`, path])]]
		: [];
	return { service: [...once, ["ExecStart", quoteWords(["/bin/mkdir", "-p", path])], ...chown], unit: [] };
}

/** The name of a volume's folder. */
export function volumeName(entries: readonly Entry[], stem: string): string {
	return (lastOf(entries, "Volume", "VolumeName") ?? `systemd-${stem}`).replaceAll("/", "_");
}

/** How a registry is spoken to: keys of .image and .artifact. */
const registryKeys = { AuthFile: "--authfile", CertDir: "--cert-dir", Creds: "--creds", TLSVerify: "--tls-verify" } as const;

/** .image: pulled once. The network is waited for only if something else brings it up. */
export function translateImage(entries: readonly Entry[], context: Context): Service {
	const platform = ["OS", "Arch", "Variant"].map((key) => lastOf(entries, "Image", key));
	const words = platform.some((part) => part !== undefined)
		? ["--platform", [platform[0] ?? "linux", ...platform.slice(1).filter((part) => part !== undefined)].join("/")]
		: [];
	return translatePull(entries, context, "Image", ["pull", "--quiet", ...words], ["OS", "Arch", "Variant"]);
}

/** .artifact: the same of files that are no image. */
export function translateArtifact(entries: readonly Entry[], context: Context): Service {
	return translatePull(entries, context, "Artifact", ["artifact", "pull", "--quiet"], ["Quiet"]);
}

/** @param section whose key of the same name says what is pulled @param known further keys that are heeded */
function translatePull(
	entries: readonly Entry[],
	context: Context,
	section: "Image" | "Artifact",
	command: readonly string[],
	known: readonly string[],
): Service {
	const name = lastOf(entries, section, section);
	if (name === undefined) return refuse(context, `${section}= is missing`);
	const options = Object.entries(registryKeys).flatMap(([key, option]) => {
		const value = lastOf(entries, section, key);
		return value === undefined ? [] : [`${option}=${value}`];
	});
	for (const entry of entries) {
		if (entry.section === section && ![section, "ServiceName", ...known, ...Object.keys(registryKeys)].includes(entry.key))
			context.remark(entry, `${entry.key}= has no effect yet`);
	}
	const words = [context.corten, ...command, ...options, name];
	return { service: [...once, ["ExecStart", quoteWords(words)]], unit: [["After", "network-online.target"]] };
}

const once: readonly Line[] = [
	["Type", "oneshot"],
	["RemainAfterExit", "yes"],
	["SyslogIdentifier", "%N"],
];
