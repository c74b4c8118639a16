// What a person types for an image of appc's: NAME[:VERSION][,label=value]...; version may also come as a label.
// @see appc spec discovery.md#app-container-image-discovery

import { CortenError } from "../../base/errors.ts";
import { isAppcIdentifier } from "../../spec/appc.ts";

/** An image as asked for. */
export type AppString = {
	/** `example.com/app`: a host, then a path. */
	readonly name: string;
	/** Only those that were asked for; `version` among them if it was. */
	readonly labels: ReadonlyMap<string, string>;
};

function refuse(text: string, why: string): CortenError {
	return new CortenError("invalid-argument", `cannot parse image name ${JSON.stringify(text.slice(0, 300))}: ${why}`);
}

/** The host of an image's name. */
export function hostOf(name: string): string {
	return name.split("/")[0] ?? "";
}

/**
 * Parses an app string. Values of labels are query-escaped (`%2C` is a comma); the only colon is the one before the version.
 * @throws `invalid-argument`
 */
export function parseAppString(text: string): AppString {
	if (text.length > 2000) throw refuse(text, "it is too long");
	const [head = "", ...pairs] = text.split(",");
	const colon = head.indexOf(":");
	const name = colon < 0 ? head : head.slice(0, colon);
	if (!isAppcIdentifier(name))
		throw refuse(text, "a name is made of lower-case letters and digits, with single - . _ ~ / between them, and no port");
	// It becomes the host of a URL.
	if (!/^[a-z0-9]+(?:[-.]+[a-z0-9]+)*$/.test(hostOf(name))) throw refuse(text, `"${hostOf(name)}" is no host`);
	const labels = new Map<string, string>();
	const add = (label: string, value: string) => {
		if (!isAppcIdentifier(label)) throw refuse(text, `${JSON.stringify(label)} is no label`);
		if (label === "name") throw refuse(text, 'no label may be called "name"');
		if (labels.has(label)) throw refuse(text, `${label} is given twice`);
		if (value === "" || /[\u0000-\u001f\u007f]/.test(value))
			throw refuse(text, `the value of ${label} is empty or holds control characters`);
		labels.set(label, value);
	};
	if (head.includes("/", Math.max(colon, 0)) && colon >= 0)
		throw refuse(text, "after the colon comes the version; a name has no scheme and no port");
	if (colon >= 0) add("version", unescapeValue(text, head.slice(colon + 1)));
	for (const pair of pairs) {
		const equals = pair.indexOf("=");
		if (equals < 0) throw refuse(text, `${JSON.stringify(pair)} is no label=value`);
		add(pair.slice(0, equals), unescapeValue(text, pair.slice(equals + 1)));
	}
	return { name, labels };
}

function unescapeValue(text: string, value: string): string {
	// A plain + stays: versions have build metadata (1.0.0+5), and people type them so.
	if (value.includes(":")) throw refuse(text, "a second colon must be written %3A");
	try {
		return decodeURIComponent(value);
	} catch {
		throw refuse(text, `${JSON.stringify(value)} is not escaped as a query is`);
	}
}

/** `example.com/app:1.0,arch=amd64` */
export function formatAppString({ name, labels }: AppString): string {
	const version = labels.get("version");
	const rest = [...labels].filter(([label]) => label !== "version").map(([label, value]) => `,${label}=${encodeURIComponent(value)}`);
	return `${name}${version === undefined ? "" : `:${version}`}${rest.join("")}`;
}
