// xz by XZ Embedded, compiled to WebAssembly.
// @see docs/decisions/0025

import { XzReadableStream } from "xz-decompress";
import { brokenStream, type Chunks } from "./inflate-more.ts";

/** Inflates xz; chunks are some 64 KiB. @throws `integrity`; what the source throws */
export async function* inflateXz(source: Chunks): Chunks {
	let failure: { readonly error: unknown } | undefined;
	const input = new ReadableStream<Uint8Array>({
		async pull(controller) {
			try {
				const { done, value } = await source.next();
				if (done === true) controller.close();
				else controller.enqueue(value);
			} catch (error) {
				failure = { error };
				controller.close();
			}
		},
	});
	const reader = new XzReadableStream(input).getReader();
	let ended = false;
	try {
		for (;;) {
			const { done, value } = await reader.read();
			if (done) break;
			if (value.length > 0) yield value.slice(); // it lies in the module's memory, which is used again
		}
		ended = true;
	} catch (cause) {
		ended = true;
		throw failure !== undefined ? failure.error : brokenStream("xz", cause);
	} finally {
		// The library lets one stream at a time into its module: one that is left must give it back.
		if (!ended) await reader.cancel().catch(() => undefined);
	}
	// Behind the last stream there is nothing; what the source finds at its very end counts.
	if (failure !== undefined) throw failure.error;
	const rest = await source.next();
	if (rest.done !== true && rest.value.some((byte) => byte !== 0)) throw brokenStream("xz", new Error("something lies behind it"));
}
