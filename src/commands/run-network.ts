// The words of options about names, addresses and namespaces.

import { CortenError } from "../base/errors.ts";
import type { ExtraHost } from "../bundle/request.ts";

/**
 * Parses a namespace mode.
 * @param choices what is done; the first is the default
 * @throws `unsupported` for everything else, as docker and podman know many more (container:NAME, ns:PATH, a network's name)
 */
export function parseMode<const T extends string>(text: string | undefined, at: string, choices: readonly [T, ...T[]], hint?: string): T {
	if (text === undefined || text === "") return choices[0];
	const choice = choices.find((known) => known === text);
	if (choice !== undefined) return choice;
	throw new CortenError(
		"unsupported",
		`cannot use "${text}" as ${at}: only ${choices.join(" and ")} ${choices.length > 1 ? "are" : "is"} implemented`,
		{
			at,
			...(hint !== undefined && { hint }),
		},
	);
}

/** A host or domain name: at most 64 bytes, as the kernel has it, of letters, digits, dot, hyphen and underscore. @throws `invalid-argument` */
export function parseHostname(text: string, at: string): string {
	if (text.length <= 64 && /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text)) return text;
	throw new CortenError("invalid-argument", `cannot use "${text}" as a host name`, { at });
}

/** An IPv4 or IPv6 address, the latter without brackets or zone. */
export function isIp(text: string): boolean {
	const octets = text.split(".");
	if (octets.length === 4 && octets.every((octet) => /^(?:0|[1-9]\d{0,2})$/.test(octet) && Number(octet) < 256)) return true;
	if (!/^[0-9a-fA-F:.]{2,45}$/.test(text) || !text.includes(":")) return false;
	const halves = text.split("::");
	if (halves.length > 2) return false;
	let words = 0;
	for (const [half, part] of halves.entries()) {
		const groups = part === "" ? [] : part.split(":");
		for (const [index, group] of groups.entries()) {
			const isLast = half === halves.length - 1 && index === groups.length - 1;
			if (/^[0-9a-fA-F]{1,4}$/.test(group)) words += 1;
			else if (isLast && !group.includes(":") && group.includes(".") && isIp(group)) words += 2;
			else return false;
		}
	}
	return halves.length === 2 ? words < 8 : words === 8;
}

/** @throws `invalid-argument` for what is no address */
export function parseIp(text: string, at: string): string {
	if (isIp(text)) return text;
	throw new CortenError("invalid-argument", `cannot parse IP address "${text}"`, { at });
}

/** A word of a resolv.conf line. @throws `invalid-argument` for blanks and control characters, which would start another line */
export function parseDomain(text: string, at: string): string {
	if (/^[\x21-\x7e]{1,255}$/.test(text)) return text;
	throw new CortenError("invalid-argument", `cannot use "${text}" in /etc/resolv.conf`, { at });
}

/** Parses `NAME:IP` or `NAME=IP`; an IPv6 address may stand in brackets. @throws `invalid-argument`; `unsupported` for host-gateway */
export function parseExtraHost(text: string): ExtraHost {
	const at = "--add-host";
	const [, name = "", written = ""] = /^([^:=\s]+)[:=](.+)$/.exec(text) ?? [];
	const address = /^\[(.*)\]$/.exec(written)?.[1] ?? written;
	if (address === "host-gateway") throw new CortenError("unsupported", `cannot add host "${text}": there is no gateway yet`, { at });
	if (name === "" || !isIp(address) || !/^[\x21-\x7e]+$/.test(name) || name.includes("#")) {
		throw new CortenError("invalid-argument", `cannot parse host "${text}": it is not NAME:IP`, { at });
	}
	return { name, address };
}
