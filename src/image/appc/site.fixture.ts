// A web server of images in this process: https with a certificate of its own authority, and http beside it. Pages, files and faults are what a
// test puts there. Names on it are `localhost/...`, by the port override.

import { mkdirSync } from "node:fs";
import { Gpg } from "../../../test/support/gpg.ts";
import { temporaryFolder } from "../../../test/support/images.ts";
import { makeCertificates } from "../../../test/support/tls.ts";
import type { Insecure } from "../../base/insecure.ts";
import { readKeys } from "../openpgp.ts";
import { storeTrusted } from "./keystore.ts";
import type { Web } from "./web.ts";

/** What a path answers. */
export type Answer = string | Uint8Array | ((request: Request) => Response | Promise<Response>);

/** The server with its keys; dispose it. */
export class Site implements Disposable {
	readonly folder = temporaryFolder();
	readonly gpg = new Gpg();
	/** `/path` -> answer, over https. */
	readonly files = new Map<string, Answer>();
	/** Over http. */
	readonly plain = new Map<string, Answer>();
	/** `METHOD-less` list of what was asked: `https /app?ac-discovery=1`. */
	readonly asked: string[] = [];
	readonly secure: Bun.Server<undefined>;
	readonly open: Bun.Server<undefined>;

	constructor() {
		const { path } = this.folder;
		const { authority, certificate, key } = makeCertificates(path, ["localhost"]);
		this.secure = Bun.serve({
			hostname: "localhost",
			port: 0,
			tls: { cert: Bun.file(certificate), key: Bun.file(key) },
			fetch: (request) => this.#answer("https", this.files, request),
		});
		this.open = Bun.serve({ hostname: "localhost", port: 0, fetch: (request) => this.#answer("http", this.plain, request) });
		mkdirSync(`${path}/certs/${this.host}`, { recursive: true });
		Bun.spawnSync(["cp", authority, `${path}/certs/${this.host}/ca.crt`]);
		mkdirSync(`${path}/tmp`);
	}

	get host(): string {
		return `localhost:${this.secure.port}`;
	}

	async #answer(scheme: string, files: ReadonlyMap<string, Answer>, request: Request): Promise<Response> {
		const url = new URL(request.url);
		this.asked.push(`${scheme} ${url.pathname}${url.search}`);
		const answer = files.get(url.pathname);
		if (answer === undefined) return new Response("<html>not found</html>", { status: 404, headers: { "content-type": "text/html" } });
		return typeof answer === "function" ? await answer(request) : new Response(answer);
	}

	/** A page with discovery tags for a prefix, whose images lie at /images on this server. */
	page(path: string, prefix: string, pubkeys?: string): void {
		const keys = pubkeys === undefined ? "" : `<meta name="ac-discovery-pubkeys" content="${prefix} ${pubkeys}">`;
		const template = `https://${this.host}/images/{name}-{version}-{os}-{arch}.{ext}`;
		this.files.set(path, `<html><head><meta name="ac-discovery" content="${prefix} ${template}">${keys}</head></html>`);
	}

	/** Puts an image there, signed if a key's name is given. */
	image(name: string, bytes: Uint8Array, signer?: string): void {
		this.files.set(`/images/${name}.aci`, bytes);
		if (signer !== undefined) this.files.set(`/images/${name}.aci.asc`, this.gpg.sign(signer, bytes));
	}

	/** Trusts a key of gpg's. */
	async trust(prefix: string | undefined, user: string): Promise<void> {
		const [key] = await readKeys(this.gpg.export(user), "key");
		if (key === undefined) throw new Error("no key");
		storeTrusted(this.keystore, prefix === undefined ? "root" : { prefix }, key);
	}

	get keystore() {
		return { local: `${this.folder.path}/local`, system: `${this.folder.path}/system` };
	}

	/** How this server is asked. */
	web(insecure: Insecure = new Set(), port = this.secure.port ?? 0): Web {
		const { path } = this.folder;
		return {
			insecure,
			keystore: this.keystore,
			patience: { stallMs: 10_000, attempts: 2, backoffMs: 1 },
			port,
			authFolders: [`${path}/auth.d`],
			certificateFolders: [`${path}/certs`],
		};
	}

	[Symbol.dispose](): void {
		this.secure.stop(true);
		this.open.stop(true);
		this.gpg[Symbol.dispose]();
		this.folder[Symbol.dispose]();
	}
}
