// A docker-registry (distribution) on a free loopback port, over a storage folder, ended at the end of its `await using` block.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

/** A running registry: `host` is `127.0.0.1:PORT`, plain HTTP. */
export type Registry = AsyncDisposable & { readonly host: string };

function freePort(): number {
	const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
	const { port } = listener;
	listener.stop(true);
	return port;
}

/** What a registry is beside a folder. */
export type StorageOptions = {
	/** false: pushes are refused. */
	readonly writable?: boolean;
	/** PEM files; then it speaks https alone. */
	readonly tls?: { readonly certificate: string; readonly key: string };
	/** Further lines of the configuration: `auth: {...}`. */
	readonly lines?: readonly string[];
};

/** Serves `storage` (made if missing) and returns when it answers. */
export async function serveStorage(storage: string, options: StorageOptions = {}): Promise<Registry> {
	mkdirSync(storage, { recursive: true });
	for (let attempt = 0; ; attempt++) {
		const port = freePort();
		const host = `127.0.0.1:${port}`;
		const file = `${tmpdir()}/corten-registry-${process.pid}-${port}.yml`;
		const config = [
			"version: 0.1",
			"log: {level: error}",
			`storage: {filesystem: {rootdirectory: "${storage}"}, delete: {enabled: true}, maintenance: {readonly: {enabled: ${options.writable !== true}}}}`,
			`http: {addr: "${host}"${options.tls === undefined ? "" : `, tls: {certificate: "${options.tls.certificate}", key: "${options.tls.key}"}`}}`,
			...(options.lines ?? []),
		];
		writeFileSync(file, `${config.join("\n")}\n`);
		const server = Bun.spawn(["docker-registry", "serve", file], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
		const stop = async () => {
			server.kill();
			await server.exited;
			rmSync(file, { force: true });
		};
		for (const until = Date.now() + 10_000; Date.now() < until && server.exitCode === null; await Bun.sleep(20)) {
			const scheme = options.tls === undefined ? "http" : "https";
			const answer = await fetch(`${scheme}://${host}/v2/`, { tls: { rejectUnauthorized: false } }).catch(() => undefined);
			if ((answer?.ok || answer?.status === 401) && server.exitCode === null) return { host, [Symbol.asyncDispose]: stop };
		}
		await stop();
		if (attempt === 3) throw new Error("cannot start docker-registry");
	}
}
