// `images --tree`: images with their layers, and who else has them.

import type { ListedImage } from "../image/list.ts";
import { formatBytes, shortDigest } from "./format.ts";

/** The tree as text. @param nameOf what an image is called */
export function formatTree(images: readonly ListedImage[], nameOf: (image: ListedImage) => string): string {
	const users = new Map<string, Set<string>>();
	for (const { record } of images)
		for (const diffID of record.config.diffIDs) users.set(diffID, (users.get(diffID) ?? new Set()).add(record.digest));
	const lines: string[] = [];
	const shown = new Set<string>();
	for (const image of images) {
		const { record } = image;
		if (shown.has(record.digest)) continue;
		shown.add(record.digest);
		const names = images.filter((other) => other.record.digest === record.digest).map(nameOf);
		const { os, architecture, variant } = record.config;
		const platform = [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
		lines.push(`${names.join(", ")}  ${shortDigest(record.configDigest)}  ${platform}  ${formatBytes(record.size)}`);
		const { diffIDs } = record.config;
		for (const [at, diffID] of diffIDs.entries()) {
			const others = (users.get(diffID)?.size ?? 1) - 1;
			const also = others === 0 ? "" : `  also in ${others} other${others === 1 ? "" : "s"}`;
			lines.push(`${at === diffIDs.length - 1 ? "└─" : "├─"} ${shortDigest(diffID)}${also}`);
		}
	}
	return lines.map((line) => `${line}\n`).join("");
}
