// corten history: how an image came about, step by step.

import { CortenError } from "../base/errors.ts";
import { createStore } from "../image/blobs.ts";
import { readBase } from "../image/create-image.ts";
import { findImage } from "../image/store.ts";
import { defineCommand } from "./command.ts";
import { formatBytes, formatDuration, formatRows, shortDigest } from "./format.ts";

const headings = {
	ID: "IMAGE",
	CreatedSince: "CREATED",
	CreatedAt: "CREATED AT",
	CreatedBy: "CREATED BY",
	Size: "SIZE",
	Comment: "COMMENT",
} as const;
const shownChars = 45;

/** `corten history` */
export const command = defineCommand({
	summary: "how an image came about",
	usage: "[OPTIONS] IMAGE",
	options: {
		format: { kind: "value", metavar: "FORMAT", help: 'table, json, a Go template, or "table" and a template' },
		human: { kind: "value", short: "H", metavar: "BOOL", help: "false: sizes in bytes and dates in full (default true)" },
		"no-trunc": { kind: "flag", help: "whole texts" },
		quiet: { kind: "flag", short: "q", help: "only IDs" },
	},
	operands: { min: 1, max: 1 },
	description: [
		"The steps that the image's config tells of, the last first. SIZE is that of the step's layer as it was distributed, compressed. Steps have no images of their own: their ID is <missing>.",
	],
	examples: [["corten history --no-trunc alpine", "with whole command lines"]],
	seeAlso: ["corten-inspect(1)", "corten-images(1)"],
	run: async (context, options, [target = ""]) => {
		const { root } = context;
		createStore(root);
		const record = await findImage(root, target);
		if (record === undefined) throw new CortenError("not-found", `cannot find image "${target}"`, { hint: "see: corten images" });
		const { layers } = await readBase(root, record.digest);
		const human = !/^(?:false|0)$/i.test(options.human ?? "true");
		const nowMs = Date.now();
		let next = 0;
		const steps =
			record.config.history.length > 0
				? record.config.history
				: layers.map(() => ({ emptyLayer: false }) as (typeof record.config.history)[number]);
		const rows = steps.map((step, index) => {
			const size = step.emptyLayer ? 0 : (layers[next++]?.size ?? 0);
			const id = index < steps.length - 1 ? "<missing>" : options["no-trunc"] ? record.configDigest : shortDigest(record.configDigest);
			const created = step.created ?? "";
			const by = (step.createdBy ?? "").replace(/\s+/g, " ");
			const since = created === "" ? "N/A" : `${formatDuration(nowMs - Date.parse(created))} ago`;
			return {
				ID: id,
				CreatedAt: created,
				CreatedSince: human ? since : created,
				CreatedBy: options["no-trunc"] || by.length <= shownChars ? by : `${by.slice(0, shownChars - 1)}…`,
				Size: human ? formatBytes(size) : String(size),
				Comment: step.comment ?? "",
			};
		});
		rows.reverse();
		if (options.quiet && options.format === undefined) context.print(rows.map(({ ID }) => `${ID}\n`).join(""));
		else context.print(formatRows(options.format, ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"], headings, rows));
		return 0;
	},
});
