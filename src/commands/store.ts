// corten store: the state of the image store, and its care.

import { CortenError } from "../base/errors.ts";
import { checkStore } from "../image/check.ts";
import { collectGarbage } from "../image/remove.ts";
import { measureStore } from "../image/usage.ts";
import { defineCommand } from "./command.ts";
import { formatBytes, formatRows } from "./format.ts";

const words = ["check", "df", "gc", "repair"] as const;
const headings = { Type: "TYPE", TotalCount: "TOTAL", Active: "ACTIVE", Size: "SIZE", Reclaimable: "RECLAIMABLE" } as const;

/** `corten store` */
export const command = defineCommand({
	summary: "check, measure and clean the image store",
	usage: "check|repair|df|gc [OPTIONS]",
	options: {
		format: { kind: "value", metavar: "FORMAT", help: 'of df and check: json, a Go template, or "table" and a template' },
		quick: { kind: "flag", help: "check: sizes and superblocks alone, not every byte" },
		repair: { kind: "flag", help: "check: heal what can be healed" },
	},
	operands: { min: 1, max: 1 },
	description: [
		"check follows every image from its name to its bytes: documents and blobs are hashed, layer files are made again and compared. The status is 1 when something is wrong and stays so.",
		"check --repair, or repair, makes records and layer files again from the blobs. An image whose blobs are damaged is taken out of the store, and the command says how to bring it back; " +
			"nothing that is good is touched.",
		"df says what the store takes on disk. gc removes what no image and no container needs, and what pulls that broke off had begun, which otherwise stays for a day and is taken up by the next; it does nothing while somebody pulls, which does it afterwards anyway.",
	],
	examples: [
		["corten store check --repair", "after a power cut"],
		["corten store df", "what takes how much"],
	],
	seeAlso: ["corten-rmi(1)", "corten-pull(1)"],
	run: async (context, options, [word = ""]) => {
		const { root } = context;
		switch (words.find((known) => known === word)) {
			case undefined:
				throw new CortenError("invalid-argument", `cannot do "${word}" with the store: expected ${words.join(", ")}`);
			case "gc": {
				const removed = collectGarbage(root, { partial: true });
				context.print(`removed ${removed} ${removed === 1 ? "file" : "files"}\n`);
				return 0;
			}
			case "df": {
				const rows = measureStore(root).map(({ type, total, active, bytes, reclaimable }) => ({
					Type: type,
					TotalCount: String(total),
					Active: String(active),
					Size: formatBytes(bytes),
					Reclaimable: `${formatBytes(reclaimable)} (${bytes === 0 ? 0 : Math.round((100 * reclaimable) / bytes)}%)`,
				}));
				context.print(formatRows(options.format, Object.keys(headings), headings, rows));
				return 0;
			}
			case "check":
			case "repair": {
				const repair = options.repair || word === "repair";
				const onImage = (name: string) => context.log("info", `checking ${name}`);
				const { images, problems } = await checkStore(root, { repair, quick: options.quick, onImage });
				const left = problems.filter(({ repaired }) => repaired === undefined).length;
				if (options.format === "json") context.print(`${JSON.stringify({ images, problems }, undefined, 4)}\n`);
				else {
					for (const { what, why, repaired } of problems)
						context.print(`${what}: ${why}${repaired === undefined ? "" : `: ${repaired}`}\n`);
					const good =
						problems.length === 0 ? "all is well" : left === 0 ? "all is well again" : `${left} of ${problems.length} problems are left`;
					context.print(`${images} ${images === 1 ? "image" : "images"} checked: ${good}\n`);
					if (left > 0 && !repair) context.log("warn", "corten store check --repair heals what can be healed");
				}
				return left > 0 ? 1 : 0;
			}
		}
	},
});
