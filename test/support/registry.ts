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

/** Serves `storage` (made if missing) and returns when it answers. @param options.writable false: pushes are refused */
export async function serveStorage(storage: string, options: { readonly writable?: boolean } = {}): Promise<Registry> {
	mkdirSync(storage, { recursive: true });
	for (let attempt = 0; ; attempt++) {
		const port = freePort();
		const host = `127.0.0.1:${port}`;
		const file = `${tmpdir()}/corten-registry-${process.pid}-${port}.yml`;
		const config = [
			"version: 0.1",
			"log: {level: error}",
			`storage: {filesystem: {rootdirectory: "${storage}"}, maintenance: {readonly: {enabled: ${options.writable !== true}}}}`,
			`http: {addr: "${host}"}`,
		];
		writeFileSync(file, `${config.join("\n")}\n`);
		const server = Bun.spawn(["docker-registry", "serve", file], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
		const stop = async () => {
			server.kill();
			await server.exited;
			rmSync(file, { force: true });
		};
		for (const until = Date.now() + 10_000; Date.now() < until && server.exitCode === null; await Bun.sleep(20)) {
			const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
			if (answer?.ok && server.exitCode === null) return { host, [Symbol.asyncDispose]: stop };
		}
		await stop();
		if (attempt === 3) throw new Error("cannot start docker-registry");
	}
}
