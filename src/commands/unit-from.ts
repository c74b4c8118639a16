// A container that is there, as a .container file: what a person would have written to get it.

import { decodeConfig } from "../bundle/config-decode.ts";
import { readText } from "../linux/file.ts";
import { formatUnit, type Line } from "../quadlet/unit-file.ts";
import { escapeLiteral, quoteWord } from "../quadlet/words.ts";
import { findContainer } from "../supervise/state.ts";

/** What every container gets without asking. */
const usual = new Set(["PATH", "HOSTNAME", "HOME", "TERM"]);

/** The text of the file. @throws `not-found` */
export function unitFrom(root: string, name: string): string {
	const { record, folder } = findContainer(root, name);
	const path = `${folder}/config.json`;
	const { process } = decodeConfig(readText(path), path);
	const word = (text: string): string => quoteWord(escapeLiteral(text));
	const { uid, gid } = process.user;
	const container: Line[] = [
		record.image === null ? ["Rootfs", record.rootfs ?? "/"] : ["Image", record.image.reference],
		["ContainerName", record.name],
		...process.env.filter((entry) => !usual.has(entry.split("=")[0] ?? "")).map((entry): Line => ["Environment", word(entry)]),
		...Object.entries(record.labels).map(([key, value]): Line => ["Label", word(`${key}=${value}`)]),
		...record.mounts.map(
			({ type, source, destination, readonly }): Line =>
				type === "tmpfs" ? ["Tmpfs", destination] : ["Volume", escapeLiteral(`${source}:${destination}${readonly ? ":ro" : ""}`)],
		),
		...(record.network === "none" ? [] : [["Network", record.network] as const]),
		...(uid === 0 && gid === 0
			? []
			: ([
					["User", `${uid}`],
					["Group", `${gid}`],
				] as const)),
		...(process.cwd === "/" ? [] : [["WorkingDir", escapeLiteral(process.cwd)] as const]),
		["StopTimeout", `${record.stopTimeoutSeconds}`],
		["Entrypoint", escapeLiteral(record.path)],
		...(record.args.length === 0 ? [] : [["Exec", record.args.map(word).join(" ")] as const]),
	];
	return formatUnit([
		["Unit", [["Description", `Container ${record.name}`]]],
		["Container", container],
		["Service", [["Restart", "always"]]],
		["Install", [["WantedBy", "default.target"]]],
	]);
}
