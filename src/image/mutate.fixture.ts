// Seeded damage to documents and bytes, for the fuzzers.

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What damages, always in the same way for the same seed. */
export type Mutator = {
	/** A whole number from 0. */
	readonly random: (below: number) => number;
	readonly pick: <T>(list: readonly T[]) => T;
	/** Changes values and keys, about one in `chance`. */
	readonly mutate: (value: Json, chance: number) => Json;
	/** The bytes of a document, sometimes no longer JSON. */
	readonly encode: (document: Json) => Uint8Array;
	/** A copy in which bytes are changed, or its end is missing; often as it was. */
	readonly damage: (bytes: Uint8Array) => Uint8Array;
};

/** Values that were trouble for somebody. */
const values: readonly Json[] = [
	null,
	true,
	-1,
	0,
	1.5,
	2 ** 53,
	"",
	"\0",
	"__proto__",
	`sha256:${"ab".repeat(32)}`,
	`sha256:${"AB".repeat(32)}`,
	"sha512:1",
	"../../etc",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"x".repeat(5000),
	[],
	{},
	[[[[]]]],
	{ toString: "x", constructor: null },
];

/** @param seed any number */
export function createMutator(seed: number): Mutator {
	let state = seed;
	const random = (below: number): number => {
		state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) >>> 0;
		return Math.floor((state / 2 ** 32) * below);
	};
	const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
	const mutate = (value: Json, chance: number): Json => {
		if (random(chance) === 0) return pick(values);
		if (Array.isArray(value)) {
			const list = value.map((item) => mutate(item, chance));
			if (random(chance) === 0)
				list.splice(random(list.length + 1), random(2), ...Array.from({ length: random(3) }, () => pick([...values, ...value])));
			return list;
		}
		if (typeof value !== "object" || value === null) return value;
		const entries = Object.entries(value).map(([key, member]): [string, Json] => [
			random(chance) === 0 ? pick([key.toUpperCase(), `${key} `, "manifests", "layers", "config", "__proto__", "mediaType"]) : key,
			mutate(member, chance),
		]);
		return Object.fromEntries(random(chance) === 0 ? entries.slice(random(entries.length + 1)) : entries);
	};
	const encode = (document: Json): Uint8Array => {
		const text = JSON.stringify(document) ?? "";
		const bytes = new TextEncoder().encode(random(30) === 0 ? text.replace("{", '{"schemaVersion":1,"config":{},') : text);
		for (let count = random(20) === 0 ? 1 + random(3) : 0; count > 0; count--) bytes[random(bytes.length)] = random(256);
		return random(40) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
	};
	const damage = (bytes: Uint8Array): Uint8Array => {
		const copy = Uint8Array.from(bytes);
		for (let count = random(3) === 0 ? 1 + random(4) : 0; count > 0; count--) copy[random(copy.length)] = random(256);
		return random(6) === 0 ? copy.subarray(0, random(copy.length)) : copy;
	};
	return { random, pick, mutate, encode, damage };
}
