// One HTTP exchange with a registry: timeouts that watch for stalls and not for length, retries with backoff, and redirects followed by
// hand, because what may be sent along depends on where they lead.

import { CortenError, isError } from "../../base/errors.ts";
import type { Certificates } from "./certificates.ts";

/** How patient to be. */
export type Patience = {
	/** No byte for this long is a stall. */
	readonly stallMs: number;
	/** Tries of one request in all. */
	readonly attempts: number;
	/** The first pause between two tries; doubles each time. */
	readonly backoffMs: number;
	/** A small document must be whole by then, however steadily it drips; 5 minutes if not given. */
	readonly documentMs?: number;
};

/** For registries of the world. */
export const defaultPatience: Patience = { stallMs: 30_000, attempts: 4, backoffMs: 300 };

/** A request. */
export type Request = {
	readonly url: URL;
	readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
	readonly headers?: Readonly<Record<string, string>>;
	/** Sent to the host of `url` only, never to where a redirect leads elsewhere (CVE-2020-15157 is of this family). */
	readonly authorization?: string | undefined;
	readonly body?: string | Uint8Array;
	/** false: certificates are not checked, and https may redirect to http. */
	readonly tlsVerify: boolean;
	/** Whether https may redirect to http; if not said, where certificates are not checked. */
	readonly plainHttp?: boolean;
	readonly certificates: Certificates;
	readonly patience: Patience;
};

/** What came back. The body must be read to its end, or discarded. */
export type Reply = {
	readonly status: number;
	readonly headers: Headers;
	/** Where redirects have led. */
	readonly url: URL;
	readonly body: AsyncIterable<Uint8Array>;
	readonly discard: () => Promise<void>;
	/** By when a small document must be whole. */
	readonly documentMs: number;
};

/** Whether an error says that the other side's certificate is not trusted. */
export function isCertificateError(error: unknown): boolean {
	const code = error instanceof Error && "code" in error ? String(error.code) : "";
	return /CERT|SELF_SIGNED|UNABLE_TO_|ISSUER/.test(code);
}

/**
 * Sends a request until it is answered with something else than 429 and 5xx, or the attempts are used up.
 * @returns the last reply, also an unhappy one
 * @throws `unavailable` when no reply came; `invalid-spec` for a redirect that must not be followed
 */
export async function send(request: Request): Promise<Reply> {
	for (let attempt = 1; ; attempt++) {
		let pauseMs = request.patience.backoffMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
		try {
			const reply = await followRedirects(request);
			if ((reply.status !== 429 && reply.status < 500) || attempt >= request.patience.attempts) return reply;
			const wanted = Number(reply.headers.get("retry-after")) * 1000;
			// A registry may ask for patience, but not for all of it.
			if (wanted > 0) pauseMs = Math.max(pauseMs, Math.min(wanted, 30_000));
			await reply.discard();
		} catch (error) {
			if (isError(error)) throw error;
			if (attempt >= request.patience.attempts || isCertificateError(error)) throw unreachable(request.url, error);
		}
		await Bun.sleep(pauseMs);
	}
}

function unreachable(url: URL, cause: unknown): CortenError {
	const hint = isCertificateError(cause) ? "the certificate is not trusted; --tls-verify=false accepts it" : undefined;
	return new CortenError("unavailable", `cannot reach "${url.origin}"`, { cause, ...(hint === undefined ? {} : { hint }) });
}

async function followRedirects(request: Request): Promise<Reply> {
	let url = request.url;
	for (let hop = 0; hop <= 10; hop++) {
		// Also dropped when only the port or the scheme differs: that is another server, or another listener on the way.
		const authorization = url.origin === request.url.origin ? request.authorization : undefined;
		const reply = await exchange(url, request, authorization);
		const location = [301, 302, 303, 307, 308].includes(reply.status) ? reply.headers.get("location") : null;
		if (location === null) return reply;
		await reply.discard();
		url = redirectTarget(location, url, request);
	}
	throw new CortenError("invalid-spec", `cannot follow "${request.url.href}": more than 10 redirects`);
}

function redirectTarget(location: string, from: URL, request: Request): URL {
	const target = URL.parse(location, from.href);
	const refused = (why: string) =>
		new CortenError("invalid-spec", `cannot follow the redirect of "${from.origin}" to ${JSON.stringify(location.slice(0, 200))}: ${why}`);
	if (![undefined, "GET", "HEAD"].includes(request.method)) throw refused("what is sent is not sent twice");
	if (target === null) throw refused("not a URL");
	if (target.protocol !== "https:" && target.protocol !== "http:") throw refused("neither https nor http");
	if (target.protocol === "http:" && from.protocol === "https:" && !(request.plainHttp ?? !request.tlsVerify))
		throw refused("from https to http");
	target.username = "";
	target.password = "";
	return target;
}

// A client certificate is shown to the host that was asked for alone: a redirect elsewhere would tell a stranger who we are.
function tlsOptions(url: URL, { url: asked, tlsVerify, certificates: { authorities, client } }: Request) {
	return {
		...(tlsVerify ? {} : { rejectUnauthorized: false }),
		...(tlsVerify && authorities !== undefined ? { ca: [...authorities] } : {}),
		...(client !== undefined && url.origin === asked.origin ? { cert: client.certificate, key: client.key } : {}),
	};
}

async function exchange(url: URL, request: Request, authorization: string | undefined): Promise<Reply> {
	const controller = new AbortController();
	const { stallMs } = request.patience;
	const stalled = () => controller.abort(new Error(`no answer for ${stallMs} ms`));
	const timer = setTimeout(stalled, stallMs);
	let response: Response;
	try {
		response = await fetch(url.href, {
			method: request.method ?? "GET",
			// identity and decompress: blobs are wanted as distributed; a decoded one would not match its digest.
			headers: {
				"accept-encoding": "identity",
				"user-agent": "corten",
				...request.headers,
				...(authorization === undefined ? {} : { authorization }),
			},
			...(request.body === undefined ? {} : { body: typeof request.body === "string" ? request.body : new Uint8Array(request.body) }),
			redirect: "manual",
			decompress: false,
			signal: controller.signal,
			tls: tlsOptions(url, request),
		});
	} finally {
		clearTimeout(timer);
	}
	return {
		status: response.status,
		headers: response.headers,
		url,
		body: readBody(response, stallMs, stalled),
		discard: async () => {
			controller.abort();
			await response.body?.cancel().catch(() => undefined);
		},
		documentMs: request.patience.documentMs ?? 300_000,
	};
}

async function* readBody(response: Response, stallMs: number, stalled: () => void): AsyncGenerator<Uint8Array, void, undefined> {
	if (response.body === null) return;
	const reader = response.body.getReader();
	try {
		for (;;) {
			const timer = setTimeout(stalled, stallMs);
			const { done, value } = await reader.read().finally(() => clearTimeout(timer));
			if (done) return;
			yield value;
		}
	} finally {
		await reader.cancel().catch(() => undefined);
	}
}

/** Reads a small body. @throws `invalid-spec` beyond maxBytes; `unavailable` when it breaks off, or drips for too long */
export async function readReply(reply: Reply, maxBytes: number, what: string): Promise<Uint8Array> {
	const chunks: Uint8Array[] = [];
	let size = 0;
	let late = false;
	const timer = setTimeout(() => {
		late = true;
		void reply.discard();
	}, reply.documentMs);
	try {
		for await (const chunk of reply.body) {
			size += chunk.length;
			if (size > maxBytes) throw new CortenError("invalid-spec", `cannot read ${what}: it is larger than ${maxBytes} bytes`);
			chunks.push(chunk);
		}
		if (late) throw new Error(`not whole after ${reply.documentMs} ms`);
	} catch (cause) {
		throw isError(cause) ? cause : new CortenError("unavailable", `cannot read ${what}`, { cause });
	} finally {
		clearTimeout(timer);
	}
	return Buffer.concat(chunks);
}
