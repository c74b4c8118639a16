// corten trust: which keys may sign which images of appc's.

import { isatty } from "node:tty";
import { CortenError } from "../base/errors.ts";
import { defaultKeystore, formatScope, listTrusted, removeTrusted, type Scope, storeTrusted } from "../image/appc/keystore.ts";
import { discoverOffered, type OfferedKeys, readKeysAt } from "../image/appc/trust.ts";
import { type Web, webOf } from "../image/appc/web.ts";
import { keyProblem, type OpenPgpKey } from "../image/openpgp.ts";
import { check, syscall } from "../linux/libc.ts";
import { writeOutput } from "../linux/output.ts";
import { nr } from "../linux/syscalls.ts";
import { type Context, defineCommand } from "./command.ts";
import { formatRows } from "./format.ts";

/** `corten trust` */
export const command = defineCommand({
	summary: "trust keys to sign images that are found by discovery",
	usage: "[OPTIONS] [PUBKEY...] | list | rm FINGERPRINT",
	options: {
		prefix: { kind: "value", metavar: "NAME", help: "trust the keys for images of this name and of those below it" },
		root: { kind: "flag", help: "trust the keys for all images" },
		"skip-fingerprint-review": { kind: "flag", help: "do not ask; the fingerprints are known to be right" },
		format: { kind: "value", metavar: "FORMAT", help: 'of list: table, json, a Go template, or "table" and a template' },
		"insecure-allow-http": { kind: "flag", help: "take keys over plain http too" },
	},
	operands: { min: 0, max: Number.POSITIVE_INFINITY },
	description: [
		"Images of appc's (corten run example.com/app:1.0, appc:NAME, aci:FILE) run only when they are signed by a key that is trusted for their name. PUBKEY is a " +
			"file or an https URL with OpenPGP public keys, armoured or not. Without PUBKEY the keys are those that a web page at NAME, or above it, names in " +
			"ac-discovery-pubkeys tags, over https. Fingerprints are shown, and nothing is trusted before you have said yes.",
		"A key for example.com/app may sign example.com/app and example.com/app/x, and not example.com/apple. Keys that are expired or revoked today verify " +
			"nothing, also what they signed before.",
		"Keys are files: /etc/corten/trustedkeys/root.d/FINGERPRINT and /etc/corten/trustedkeys/prefix.d/NAME/FINGERPRINT, and the same below " +
			"/usr/lib/corten/trustedkeys for those of the distribution. An empty file in the first hides the file of its name in the second. " +
			"trust list shows all of them; trust rm takes one away, with --prefix or --root from there alone.",
	],
	examples: [
		["corten trust --prefix example.com/app", "the keys that example.com offers for its images"],
		["corten trust --prefix example.com ./release-key.asc", "a key you have"],
		["corten trust list", "who is trusted for what"],
	],
	run: async (context, options, operands) => {
		if (options.root && options.prefix !== undefined)
			throw new CortenError("invalid-argument", "cannot trust a key for a prefix and for all images at once", { at: "--root" });
		const scope: Scope | undefined = options.root ? "root" : options.prefix === undefined ? undefined : { prefix: options.prefix };
		if (operands[0] === "list" && operands.length === 1) return list(context, options.format);
		if (operands[0] === "rm") return remove(context, operands.slice(1), scope);
		if (scope === undefined)
			throw new CortenError("invalid-argument", "cannot trust a key for nothing", { hint: "give --prefix NAME, or --root for all images" });
		const web = webOf(undefined);
		for (const offered of await offers(scope, operands, web, options["insecure-allow-http"]))
			for (const key of offered.keys) await review(context, scope, offered.place, key, web, options["skip-fingerprint-review"]);
		return 0;
	},
});

async function offers(scope: Scope, places: readonly string[], web: Web, plainHttp: boolean): Promise<readonly OfferedKeys[]> {
	if (places.length > 0) {
		const offered: OfferedKeys[] = [];
		for (const place of places) offered.push(await readKeysAt(place, web, plainHttp));
		return offered;
	}
	if (scope === "root")
		throw new CortenError("invalid-argument", "cannot discover keys for all images", { hint: "name the files of the keys" });
	return await discoverOffered(scope.prefix, web, plainHttp);
}

async function review(context: Context, scope: Scope, place: string, key: OpenPgpKey, web: Web, skip: boolean): Promise<void> {
	const problem = await keyProblem(key);
	if (problem !== undefined) context.log("warn", `key ${key.fingerprint} verifies nothing: ${problem}`);
	if (!skip) {
		if (!isatty(0))
			throw new CortenError("invalid-argument", `cannot ask whether to trust key ${key.fingerprint}: the input is no terminal`, {
				hint: "--skip-fingerprint-review trusts it unasked",
			});
		writeOutput(2, new TextEncoder().encode(`${describe(key, place)}Trust this key for ${formatScope(scope)}? (yes/no) `));
		if (!/^y(?:es)?$/i.test(readLine().trim())) {
			context.log("warn", `key ${key.fingerprint} is not trusted`);
			return;
		}
	}
	context.print(`${storeTrusted(web.keystore, scope, key)}\n`);
}

/** A key as a person compares it: in groups of four, as gpg shows it. */
function describe(key: OpenPgpKey, place: string): string {
	const groups = (text: string) => (text.toUpperCase().match(/.{4}/g) ?? []).join(" ");
	const lines = [
		`Key from ${place}`,
		`  fingerprint  ${groups(key.fingerprint)}`,
		...key.subkeys.map((subkey) => `  subkey       ${groups(subkey)}`),
		`  made         ${key.created.toISOString().slice(0, 10)}, ${key.algorithm}`,
		...key.userIDs.slice(0, 10).map((user) => `  user         ${printable(user)}`),
	];
	return `${lines.join("\n")}\n`;
}

/** A user id is the key maker's text: it must not move the cursor over a fingerprint. */
function printable(text: string): string {
	return text.slice(0, 200).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "?");
}

function readLine(): string {
	const byte = new Uint8Array(1);
	let line = "";
	while (line.length < 100) {
		if (check(syscall(nr.read, 0, byte, 1), "cannot read the answer") === 0 || byte[0] === 10) break;
		line += String.fromCharCode(byte[0] ?? 0);
	}
	return line;
}

const headings = { Scope: "SCOPE", Fingerprint: "FINGERPRINT", User: "USER", File: "FILE" } as const;

async function list(context: Context, format: string | undefined): Promise<number> {
	const rows = (await listTrusted(defaultKeystore)).map(({ scope, key, path }) => ({
		Scope: formatScope(scope),
		Fingerprint: key.fingerprint,
		User: printable(key.userIDs[0] ?? ""),
		File: path,
	}));
	context.print(formatRows(format, ["Scope", "Fingerprint", "User", "File"], headings, rows));
	return 0;
}

async function remove(context: Context, fingerprints: readonly string[], scope: Scope | undefined): Promise<number> {
	if (fingerprints.length === 0) throw new CortenError("invalid-argument", "cannot remove a key without its fingerprint");
	for (const text of fingerprints) {
		const fingerprint = text.replaceAll(" ", "").toLowerCase();
		const scopes = scope === undefined ? (await listTrusted(defaultKeystore)).map((trusted) => trusted.scope) : [scope];
		let removed = false;
		for (const one of scopes) {
			if (!(await removeTrusted(defaultKeystore, one, fingerprint))) continue;
			removed = true;
			context.print(`No longer trusted for ${formatScope(one)}: ${fingerprint}\n`);
		}
		if (!removed) throw new CortenError("not-found", `cannot find key "${text}" among those that are trusted`);
	}
	return 0;
}
