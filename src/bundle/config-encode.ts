// config.json as text. JSON.stringify knows no bigint, and a detour over numbers would turn RLIM_INFINITY into 2^64.

import type { Config } from "../spec/runtime.ts";

/** The text of a config.json: integers are exact to the last digit, properties in the order of the object. One line. */
export function encodeConfig(config: Config): string {
	return `${JSON.stringify(config, exact)}\n`;
}

/** ES2025's JSON.rawJSON, which the type library does not list yet. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

function exact(_key: string, value: unknown): unknown {
	return typeof value === "bigint" ? rawJSON(value.toString()) : value;
}
