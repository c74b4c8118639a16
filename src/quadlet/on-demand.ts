// Socket= and IdleStopSec= of a .container: the container starts at the first connection, and with IdleStopSec= ends when nobody has been
// connected for so long. For images that know nothing of socket activation a proxy of systemd's stands between: the container has the unit's
// own network namespace, with nothing but a loopback interface, and the proxy is in it too.
//
//   Socket=8080              the socket is handed to the payload (LISTEN_FDS)
//   Socket=8080 80           port 80 of the container, through the proxy
//
// @see systemd.socket(5), systemd-socket-proxyd(8), JoinsNamespaceOf= of systemd.unit(5)

import { allOf, type Entry, formatUnit, type Line, lastOf } from "./unit-file.ts";

/** A proxied port. */
export type Proxy = { readonly listens: readonly string[]; readonly port: string; readonly idle: string | undefined };

/** The units beside a container that is started on demand, and what its own gets. */
export type SocketUnits = {
	readonly units: readonly { readonly name: string; readonly text: string }[];
	readonly service: readonly Line[];
	readonly unit: readonly Line[];
	/** What [Install] is about. */
	readonly installed: string;
};

/** The proxy that Socket= asks for; undefined without one, or where the payload takes the sockets itself. */
export function proxyOf(entries: readonly Entry[]): Proxy | undefined {
	const sockets = allOf(entries, "Container", "Socket").map(({ value }) => value.split(/\s+/));
	const port = sockets.find(([, to]) => to !== undefined)?.[1];
	if (port === undefined) return undefined;
	return { listens: sockets.map(([listen = ""]) => listen), port, idle: lastOf(entries, "Container", "IdleStopSec") };
}

/** The socket unit of sockets that the payload takes itself. */
export function nativeSocket(entries: readonly Entry[], service: string, source: string): SocketUnits | undefined {
	const listens = allOf(entries, "Container", "Socket").map(({ value }) => value);
	if (listens.length === 0) return undefined;
	const name = service.replace(/\.service$/, ".socket");
	return { units: [{ name, text: socketText(listens, service, source) }], service: [], unit: [], installed: name };
}

/** The three units of a proxied container. */
export function socketUnits({ listens, port, idle }: Proxy, service: string, source: string): SocketUnits {
	const stem = service.replace(/\.service$/, "");
	const proxy = `${stem}-proxy.service`;
	const wait = `until [ -n "$$(/bin/grep -is ':${hexPort(port)} [0-9A-F]*:0000 0A' /proc/net/tcp /proc/net/tcp6)" ]; do /bin/sleep 0.05; done`;
	const text = formatUnit([
		[
			"Unit",
			[
				["Description", `Proxy for ${service}`],
				["Requires", service],
				["After", service],
				["JoinsNamespaceOf", service],
				["SourcePath", source.replaceAll("%", "%%")],
			],
		],
		[
			"Service",
			[
				["Type", "notify"],
				// The first connection is not to be refused because the payload does not listen yet.
				["ExecStartPre", `/bin/sh -c "${wait.replaceAll('"', '\\"')}"`],
				["ExecStart", `/lib/systemd/systemd-socket-proxyd${idle === undefined ? "" : ` --exit-idle-time=${idle}`} 127.0.0.1:${port}`],
				["PrivateNetwork", "yes"],
				["TimeoutStartSec", "60"],
			],
		],
	]);
	const socket = `${stem}.socket`;
	return {
		units: [
			{ name: socket, text: socketText(listens, proxy, source) },
			{ name: proxy, text },
		],
		service: [["PrivateNetwork", "yes"]],
		unit: [["StopWhenUnneeded", "yes"]],
		installed: socket,
	};
}

/** As /proc/net/tcp has it. */
function hexPort(port: string): string {
	return Number(port).toString(16).toUpperCase().padStart(4, "0");
}

function socketText(listens: readonly string[], service: string, source: string): string {
	return formatUnit([
		[
			"Unit",
			[
				["Description", `Socket of ${service}`],
				["SourcePath", source.replaceAll("%", "%%")],
			],
		],
		["Socket", [...listens.map((listen): Line => ["ListenStream", listen]), ["Service", service]]],
	]);
}
