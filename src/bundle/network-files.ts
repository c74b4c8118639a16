// /etc/hosts, /etc/hostname and /etc/resolv.conf of a container. With the host's network they are copies of the host's files.
// @see hosts(5), resolv.conf(5)

import { readTextIfPresent } from "../linux/file.ts";
import type { RunRequest } from "./request.ts";

/** A file for the container's folder. */
export type BundleFile = { readonly path: string; readonly content: string; readonly mode: number };

type Request = Pick<RunRequest, "network" | "extraHosts" | "dns">;

const maxBytes = 1 << 20;

/** The content of /etc/hosts. @param host the host's own, for its network */
export function composeHosts(request: Request, hostname: string, host: string): string {
	const extra = request.extraHosts.map(({ name, address }) => `${address}\t${name}\n`).join("");
	if (request.network === "host") return `${host}${host === "" || host.endsWith("\n") ? "" : "\n"}${extra}`;
	const fixed = [
		"127.0.0.1\tlocalhost",
		"::1\tlocalhost ip6-localhost ip6-loopback",
		"fe00::\tip6-localnet",
		"ff00::\tip6-mcastprefix",
		"ff02::1\tip6-allnodes",
		"ff02::2\tip6-allrouters",
	];
	const short = hostname.split(".")[0] ?? hostname;
	const own = `127.0.0.1\t${short === hostname ? hostname : `${hostname} ${short}`}`;
	// The container's own name must resolve also without a network: many programs look themselves up.
	return `${[...fixed, ...(hostname === "" || hostname === "localhost" ? [] : [own])].join("\n")}\n${extra}`;
}

/** The content of /etc/resolv.conf: what the options say replaces the host's lines of that kind. @param host the host's own */
export function composeResolvConf(request: Request, host: string): string {
	const { servers, search, options } = request.dns;
	const inherited = request.network === "host" ? host : "";
	if (servers.length + search.length + options.length === 0) return inherited;
	const replaced = (line: string) =>
		(servers.length > 0 && /^\s*nameserver\b/.test(line)) ||
		(search.length > 0 && /^\s*(?:search|domain)\b/.test(line)) ||
		(options.length > 0 && /^\s*options\b/.test(line));
	const kept = inherited.split("\n").filter((line) => line !== "" && !replaced(line));
	// "." is docker's word for no search domain at all.
	const searchLine = search.length === 0 || (search.length === 1 && search[0] === ".") ? [] : [`search ${search.join(" ")}`];
	const optionLine = options.length === 0 ? [] : [`options ${options.join(" ")}`];
	return `${[...kept, ...servers.map((server) => `nameserver ${server}`), ...searchLine, ...optionLine].join("\n")}\n`;
}

/** The three files. Reads the host's own two when its network is used. */
export function networkFiles(request: Request, hostname: string): BundleFile[] {
	const hostText = (path: string) => (request.network === "host" ? (readTextIfPresent(path, maxBytes) ?? "") : "");
	return [
		{ path: "hosts", content: composeHosts(request, hostname, hostText("/etc/hosts")), mode: 0o644 },
		{ path: "hostname", content: `${hostname}\n`, mode: 0o644 },
		{ path: "resolv.conf", content: composeResolvConf(request, hostText("/etc/resolv.conf")), mode: 0o644 },
	];
}
