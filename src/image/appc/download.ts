// The file of an image, into a file: taken up where a connection broke, when the server says that it is still the same file.

import { CortenError } from "../../base/errors.ts";
import { type Fd, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY, openFd, writeFd } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { ask, refusal, type Web } from "./web.ts";

/** More is no image: nothing says beforehand how large an image file is, and a server could send for ever. */
const maxBytes = 64 * 2 ** 30;

/** Told how many bytes are there, and how many there will be; 0 if the server does not say. */
export type DownloadProgress = (bytes: number, size: number) => void;

/**
 * Downloads a URL to a new file.
 * @throws `not-found`, `permission-denied`, `unavailable`; `invalid-spec` beyond 64 GiB; the file stays, its folder is the caller's
 */
export async function download(web: Web, url: URL, plainHttp: boolean, path: string, onProgress?: DownloadProgress): Promise<void> {
	const what = `"${url.href}"`;
	using file: Fd = openFd(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
	let received = 0;
	let validator: string | undefined;
	let failures = 0;
	for (let round = 0; round < 100; round++) {
		const before = received;
		// if-range: another file of the same name must not be sewn to what is there.
		const headers: Record<string, string> =
			received > 0 && validator !== undefined ? { range: `bytes=${received}-`, "if-range": validator } : {};
		const reply = await ask(web, url, plainHttp, headers);
		const resumed = reply.status === 206 && reply.headers.get("content-range")?.startsWith(`bytes ${received}-`) === true;
		if (!resumed && reply.status !== 200) {
			await reply.discard();
			throw refusal(reply, what);
		}
		if (!resumed) {
			received = 0;
			check(syscall(nr.ftruncate, file.number, 0), `cannot empty "${path}"`);
			check(syscall(nr.lseek, file.number, 0, 0), `cannot write "${path}"`);
			const etag = reply.headers.get("etag") ?? "";
			validator = etag.startsWith('"') ? etag : (reply.headers.get("last-modified") ?? undefined);
		}
		const length = reply.headers.get("content-length");
		const size = length === null ? 0 : received + Number(length);
		let cause: unknown;
		try {
			for await (const chunk of reply.body) {
				received += chunk.length;
				if (received > maxBytes) throw new CortenError("invalid-spec", `cannot read ${what}: it is larger than ${maxBytes} bytes`);
				writeFd(file, chunk, path);
				onProgress?.(received, size);
			}
			if (received === size || length === null) return;
		} catch (error) {
			if (error instanceof CortenError) throw error;
			cause = error;
		}
		failures = received > before ? 0 : failures + 1;
		if (failures >= web.patience.attempts) throw new CortenError("unavailable", `cannot read ${what}: it breaks off`, { cause });
		await Bun.sleep(web.patience.backoffMs);
	}
	throw new CortenError("unavailable", `cannot read ${what}: the connection broke 100 times`);
}
