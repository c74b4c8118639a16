// --filter of images and image prune. As docker: filters of different keys must all hold, of one key any; labels must all hold.

import { CortenError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { ListedImage } from "../image/list.ts";
import { formatFamiliar, parseReference } from "../image/reference.ts";

type Test = (image: ListedImage, value: string, all: readonly ListedImage[]) => boolean;

const tests = {
	dangling: (image, value) => (image.name === "") === isTrue(value),
	label: ({ record }, value) => {
		const [key = "", ...rest] = value.split("=");
		const { labels } = record.config.config;
		return Object.hasOwn(labels, key) && (rest.length === 0 || labels[key] === rest.join("="));
	},
	before: (image, value, all) => createdMs(image) < createdMs(imageOf(value, all)),
	since: (image, value, all) => createdMs(image) > createdMs(imageOf(value, all)),
	until: (image, value) => createdMs(image) < timeOf(value),
	reference: (image, value) => image.name !== "" && namesOf(image).some((name) => glob(value).test(name)),
	digest: (image, value) =>
		[image.digest, image.record.digest].some((digest) => digest.startsWith(value.includes(":") ? value : `sha256:${value}`)),
	id: (image, value) => image.record.configDigest.replace(/^sha256:/, "").startsWith(value.replace(/^sha256:/, "")),
} as const satisfies Record<string, Test>;

type Key = keyof typeof tests;

/** What a filter may be for, for the text of an option. */
export const imageFilterKeys = Object.keys(tests).join(", ");

function refuse(filter: string, why: string, hint?: string): CortenError {
	return new CortenError("invalid-argument", `cannot filter by "${filter}": ${why}`, {
		at: "--filter",
		...(hint === undefined ? {} : { hint }),
	});
}

function isTrue(text: string): boolean {
	if (/^(?:true|1|t)$/i.test(text)) return true;
	if (/^(?:false|0|f)$/i.test(text)) return false;
	throw refuse(`dangling=${text}`, "expected true or false");
}

function createdMs({ record }: ListedImage): number {
	const ms = Date.parse(record.config.created ?? "");
	return Number.isNaN(ms) ? 0 : ms;
}

/** A moment: RFC 3339, a date, seconds since 1970, or how long ago (`24h`, `1h30m`). */
function timeOf(text: string): number {
	if (/^\d{1,12}(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
	const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
	if (text !== "" && parts !== null)
		return Date.now() - (Number(parts[1] ?? 0) * 3600 + Number(parts[2] ?? 0) * 60 + Number(parts[3] ?? 0)) * 1000;
	const ms = Date.parse(text);
	if (Number.isNaN(ms)) throw refuse(`until=${text}`, "expected a time, or how long ago as 24h");
	return ms;
}

function namesOf({ name }: ListedImage): readonly string[] {
	let short = name;
	try {
		short = formatFamiliar(parseReference(name));
	} catch {
		// another tool's name
	}
	return [name, short, ...[name, short].map((text) => text.replace(/(?::[^/:]*|@.*)$/, ""))];
}

/** A shell pattern, as docker takes it: `*` and `?` do not pass a slash. */
function glob(pattern: string): RegExp {
	const source = pattern
		.replace(/[.+^${}()|\\]/g, "\\$&")
		.replaceAll("*", "[^/]*")
		.replaceAll("?", "[^/]");
	try {
		return new RegExp(`^${source}$`);
	} catch {
		throw refuse(`reference=${pattern}`, "it is no pattern");
	}
}

function imageOf(text: string, all: readonly ListedImage[]): ListedImage {
	const byId = all.find(({ record }) => /^[0-9a-f]{3,64}$/.test(text) && record.configDigest.slice(7).startsWith(text));
	const found = byId ?? all.find((image) => namesOf(image).includes(text) || namesOf(image).includes(`${text}:latest`));
	if (found === undefined) throw new CortenError("not-found", `cannot find image ${JSON.stringify(text)}`, { at: "--filter" });
	return found;
}

/**
 * Parses the filters of one command line.
 * @returns keeps the images for which all hold
 * @throws `invalid-argument` for an unknown key or a value it cannot have; `not-found` for an image it speaks of
 */
export function parseImageFilters(filters: readonly string[]): (images: readonly ListedImage[]) => readonly ListedImage[] {
	const byKey = new Map<Key, string[]>();
	for (const filter of filters) {
		const equals = filter.indexOf("=");
		const key = (equals < 0 ? filter : filter.slice(0, equals)) as Key;
		if (equals < 0 || !Object.hasOwn(tests, key)) {
			const close = nearest(key, Object.keys(tests));
			throw refuse(
				filter,
				`a filter is KEY=VALUE, and KEY one of ${imageFilterKeys}`,
				close === undefined || equals < 0 ? undefined : `did you mean "${close}"?`,
			);
		}
		const value = filter.slice(equals + 1);
		if (key === "dangling") isTrue(value);
		if (key === "until") timeOf(value);
		byKey.set(key, [...(byKey.get(key) ?? []), value]);
	}
	return (images) =>
		images.filter((image) =>
			[...byKey].every(([key, values]) =>
				key === "label"
					? values.every((value) => tests[key](image, value))
					: values.some((value) => (tests[key] as Test)(image, value, images)),
			),
		);
}
