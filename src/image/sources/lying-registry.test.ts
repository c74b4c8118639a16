// Registries that lie below HTTP's surface, where a well-behaved server library would not: framing, lengths, headers, drips, changed minds.
// Each must end with an error that names what was asked for, and leave the store as it was. registry.test.ts has those that HTTP can say.

import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { makeImage, serveFake, sha256, type TestImage, temporaryFolder } from "../../../test/support/images.ts";
import { CortenError, type ErrorCode } from "../../base/errors.ts";
import { pullImage } from "../pull.ts";
import { readEntries } from "../store.ts";
import type { Patience } from "./http.ts";

const patience: Patience = { stallMs: 20_000, attempts: 2, backoffMs: 1 };

type Write = (bytes: string | Uint8Array) => void;
/** Answers one request; what it returns says whether the connection is closed then. */
type Answer = (path: string, write: Write, headers: string) => "close" | "leave";

/** An HTTP server that writes any bytes at all. It speaks no TLS, and closes when asked to. */
function serveRaw(answer: Answer): Disposable & { readonly host: string } {
	const server = Bun.listen<{ text: string; left: Uint8Array[]; close: boolean }>({
		hostname: "127.0.0.1",
		port: 0,
		socket: {
			open: (socket) => {
				socket.data = { text: "", left: [], close: false };
			},
			data: (socket, bytes) => {
				if (bytes[0] === 0x16) return void socket.end();
				socket.data.text += bytes.toString("latin1");
				const end = socket.data.text.indexOf("\r\n\r\n");
				if (end < 0) return;
				const headers = socket.data.text.slice(0, end);
				socket.data.text = socket.data.text.slice(end + 4);
				const path = /^[A-Z]+ (\S+)/.exec(headers)?.[1] ?? "";
				socket.data.close = answer(path, (piece) => void socket.data.left.push(Buffer.from(piece as string)), headers) === "close";
				flush(socket);
			},
			drain: (socket) => flush(socket),
			error: () => undefined,
		},
	});
	const flush = (socket: Bun.Socket<{ left: Uint8Array[]; close: boolean }>) => {
		for (;;) {
			const piece = socket.data.left.shift();
			if (piece === undefined) break;
			const written = socket.write(piece);
			if (written < piece.length) {
				socket.data.left.unshift(piece.subarray(Math.max(written, 0)));
				return;
			}
		}
		if (socket.data.close) socket.end();
	};
	return { host: `127.0.0.1:${server.port}`, [Symbol.dispose]: () => server.stop(true) };
}

const head = (length: number | string, type = "application/octet-stream", more = "") =>
	`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n${more}\r\n`;
const whole = (bytes: Uint8Array, type?: string) => Buffer.concat([Buffer.from(head(bytes.length, type)), bytes]);

/** A registry that serves an image, but for what `lie` answers itself. */
function lying(image: TestImage, lie: (what: string, write: Write, headers: string) => "close" | "leave" | undefined): Answer {
	return (path, write, headers) => {
		const what = path.endsWith("/manifests/1")
			? "manifest"
			: path.endsWith(image.config.digest)
				? "config"
				: path.endsWith(image.layers[0]?.digest ?? "-")
					? "layer"
					: path;
		const lied = lie(what, write, headers);
		if (lied !== undefined) return lied;
		const digest = what === "manifest" ? image.manifest.digest : (path.split("/").at(-1) ?? "");
		write(whole(image.blobs.get(digest) ?? new Uint8Array(), what === "manifest" ? image.manifest.mediaType : undefined));
		return "leave";
	};
}

async function expectRefused(host: string, codes: readonly ErrorCode[], message: RegExp, documentMs = 300_000): Promise<void> {
	using folder = temporaryFolder();
	const made = pullImage(`${host}/a:1`, { root: folder.path, registry: { patience: { ...patience, documentMs }, environment: {} } });
	const error = await made.catch((caught: unknown) => caught);
	if (!(error instanceof CortenError)) throw error;
	expect(error.message).toMatch(message);
	expect(error.message).toContain(host);
	expect(error.message.length).toBeLessThan(1000);
	expect(codes).toContain(error.code);
	expect(readEntries(folder.path)).toEqual([]);
	expect(readdirSync(`${folder.path}/store/tmp`)).toEqual([]);
	expect(readdirSync(`${folder.path}/records`)).toEqual([]);
}

const say =
	(text: string | Uint8Array, then: "close" | "leave" = "close") =>
	(write: Write) => {
		write(text);
		return then;
	};
const unauthorized = (challenge: string) =>
	`HTTP/1.1 401 no\r\nwww-authenticate: ${challenge}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;

const lies: readonly (readonly [
	name: string,
	about: "manifest" | "config" | "layer",
	codes: readonly ErrorCode[],
	message: RegExp,
	lie: (write: Write) => "close" | "leave",
])[] = [
	["something that is not HTTP", "manifest", ["unavailable"], /cannot reach/, say("SSH-2.0-OpenSSH_9.2\r\n\r\n")],
	["nothing, and an end", "manifest", ["unavailable"], /cannot reach/, say("")],
	["headers without end", "manifest", ["unavailable"], /cannot reach/, say(`HTTP/1.1 200 OK\r\n${"x-a: b\r\n".repeat(200_000)}`)],
	["one header of 8 MiB", "manifest", ["unavailable"], /cannot reach/, say(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(8 << 20)}\r\n\r\n`)],
	[
		"a challenge of a megabyte",
		"manifest",
		["unavailable", "unsupported", "invalid-spec"],
		/cannot/,
		say(unauthorized(`Bearer realm="${"x".repeat(1 << 20)}"`)),
	],
	[
		"a realm of the cloud's metadata",
		"manifest",
		["invalid-spec"],
		/token service "http:\/\/169\.254\.169\.254/,
		say(unauthorized('Bearer realm="http://169.254.169.254/latest/meta-data"')),
	],
	["a manifest shorter than its Content-Length", "manifest", ["unavailable"], /cannot read manifest/, say(`${head(1000)}{}`)],
	["a Content-Length below zero", "manifest", ["unavailable", "invalid-spec"], /cannot/, say(`${head(-5)}{}`)],
	["a Content-Length of 2^70", "manifest", ["unavailable", "invalid-spec"], /cannot/, say(`${head("1180591620717411303424")}{}`)],
	[
		"two Content-Lengths",
		"manifest",
		["unavailable", "invalid-spec"],
		/cannot/,
		say(`${head(2, "text/plain", "content-length: 50\r\n")}{}`),
	],
	[
		"a chunk whose length is no number",
		"manifest",
		["unavailable"],
		/cannot/,
		say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
	],
	["chunks without an end", "manifest", ["unavailable"], /cannot/, say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n")],
	[
		"a manifest that is a gzip bomb by Content-Encoding",
		"manifest",
		["invalid-spec"],
		/cannot/,
		say(
			Buffer.concat([
				Buffer.from(head(Bun.gzipSync(new Uint8Array(64 << 20)).length, "application/json", "content-encoding: gzip\r\n")),
				Bun.gzipSync(new Uint8Array(64 << 20)),
			]),
		),
	],
	[
		"a manifest of 1 GiB, as its header says",
		"manifest",
		["invalid-spec"],
		/larger than 4194304/,
		say(Buffer.concat([Buffer.from(head(2 ** 30)), new Uint8Array(8 << 20)]), "leave"),
	],
	["a config shorter than its Content-Length", "config", ["unavailable", "integrity"], /cannot/, say(`${head(1000)}{}`)],
	["a layer shorter than its Content-Length", "layer", ["unavailable", "integrity"], /cannot/, say(`${head(1000)}xx`)],
	[
		"a layer in chunks without an end",
		"layer",
		["unavailable", "integrity"],
		/cannot/,
		say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nxx\r\n"),
	],
];

for (const [name, about, codes, message, lie] of lies) {
	test(`a registry answers with ${name}`, async () => {
		using server = serveRaw(lying(makeImage(), (what, write) => (what === about ? lie(write) : undefined)));
		await expectRefused(server.host, codes, message);
	});
}

test("bytes behind the Content-Length are not read: the image is what its digests say", async () => {
	const image = makeImage();
	using server = serveRaw(
		lying(image, (what, write) => {
			if (what !== "config") return undefined;
			write(Buffer.concat([whole(image.blobs.get(image.config.digest) ?? new Uint8Array()), Buffer.from("HTTP/1.1 200 OK\r\n\r\nmore")]));
			return "close";
		}),
	);
	using folder = temporaryFolder();
	await pullImage(`${server.host}/a:1`, { root: folder.path, registry: { patience, environment: {} } });
	expect(readEntries(folder.path).length).toBe(1);
});

test("a document that drips is given up, although it never stalls", async () => {
	using server = serveFake();
	server.answer = (_, url) => {
		if (!url.pathname.includes("/manifests/")) return undefined;
		let timer: ReturnType<typeof setInterval> | undefined;
		const stream = new ReadableStream({
			start: (controller) => {
				timer = setInterval(() => controller.enqueue(new Uint8Array([0x20])), 20);
			},
			cancel: () => clearInterval(timer),
		});
		return new Response(stream, { headers: { "content-type": "application/json" } });
	};
	await expectRefused(server.host, ["unavailable"], /cannot read manifest/, 300);
});

for (const [name, token] of [
	["never ends", () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1 << 16)) }))],
	["has a line feed in it", () => Response.json({ token: "a\r\nx-evil: 1" })],
	["is no JSON", () => new Response("<html>")],
	["is a number", () => Response.json({ token: 5 })],
] as const) {
	test(`a token that ${name} is refused`, async () => {
		using server = serveFake();
		server.add("1", makeImage());
		server.answer = (_, url) =>
			url.pathname === "/token"
				? token()
				: new Response("", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${url.host}/token"` } });
		await expectRefused(server.host, ["invalid-spec"], /token/);
	});
}

test("a blob that changes between a broken connection and the next attempt is found out", async () => {
	const image = makeImage({ compression: "none" });
	const good = image.blobs.get(image.layers[0]?.digest ?? "") ?? new Uint8Array();
	let asked = 0;
	using server = serveRaw(
		lying(image, (what, write, headers) => {
			if (what !== "layer") return undefined;
			if (asked++ === 0) {
				write(head(700));
				write(good.subarray(0, 700));
				return "leave";
			}
			const from = Number(/range: bytes=(\d+)-/i.exec(headers)?.[1] ?? 0);
			const rest = new Uint8Array(good.length - from);
			const range = `content-range: bytes ${from}-${good.length - 1}/${good.length}\r\n`;
			const start = head(rest.length, "application/octet-stream", from === 0 ? "" : range);
			write(from === 0 ? start : start.replace("200 OK", "206 Partial Content"));
			write(rest);
			return "leave";
		}),
	);
	using folder = temporaryFolder();
	const made = pullImage(`${server.host}/a:1`, { root: folder.path, registry: { patience, environment: {} } });
	const error = await made.catch((caught: unknown) => caught);
	if (!(error instanceof CortenError)) throw error;
	expect(["integrity", "invalid-spec"]).toContain(error.code);
	expect(readEntries(folder.path)).toEqual([]);
	expect(readdirSync(`${folder.path}/store/tmp`)).toEqual([]);
});

test("a manifest of 10,000 layers, and one that is both manifest and index (CVE-2021-41190), are refused", async () => {
	const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: sha256("x"), size: 1 };
	for (const change of [{ layers: new Array(10_000).fill(layer) }, { manifests: [layer] }]) {
		using server = serveFake();
		server.add("1", makeImage({ manifest: (manifest) => ({ ...manifest, ...change }) }));
		await expectRefused(server.host, ["invalid-spec"], /cannot decode/);
	}
});

test("crafted images pulled at once end, all of them, and hold up no good one (CVE-2021-20291)", async () => {
	using folder = temporaryFolder();
	using server = serveFake();
	const bad = makeImage({ config: (config) => ({ ...config, rootfs: { type: "layers", diff_ids: [sha256("x")] } }) });
	server.add("bad", bad);
	server.add("good", makeImage());
	const pull = (tag: string) => pullImage(`${server.host}/a:${tag}`, { root: folder.path, registry: { patience, environment: {} } });
	const ended = await Promise.allSettled(["bad", "good", "bad", "bad", "good"].map(pull));
	expect(ended.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected", "rejected", "fulfilled"]);
	await pull("good");
	expect(readEntries(folder.path).length).toBe(1);
	expect(readdirSync(`${folder.path}/store/tmp`)).toEqual([]);
});

test("annotations of a layer choose no path (CVE-2025-62725)", async () => {
	using folder = temporaryFolder();
	using server = serveFake();
	const annotations = { "org.opencontainers.image.title": "../../../../escaped", "com.docker.compose.file": `${folder.path}/escaped` };
	const annotate = (manifest: Record<string, unknown>) => ({
		...manifest,
		annotations,
		layers: (manifest.layers as object[]).map((layer) => ({ ...layer, annotations })),
	});
	server.add("1", makeImage({ manifest: annotate }));
	await pullImage(`${server.host}/a:1`, { root: `${folder.path}/a/b/c/root`, registry: { patience, environment: {} } });
	expect(readdirSync(folder.path, { recursive: true, encoding: "utf8" }).filter((name) => name.includes("escaped"))).toEqual([]);
});
