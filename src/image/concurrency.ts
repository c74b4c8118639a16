// Three blobs at a time: one connection leaves the line idle between requests, and while one layer is written the next is on its way.

const workers = 3;

/** What a worker is told of the others. */
export type Others = {
	/** The stream, until one of them fails: then it ends with that failure. */
	readonly untilFailure: (stream: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
};

/**
 * Works on items in their order, three at a time; the first failure ends the others, and is thrown when all have stopped.
 * @param work must not be given up by anybody else while it runs
 */
export async function threeAtATime<T>(items: readonly T[], work: (item: T, index: number, others: Others) => Promise<void>): Promise<void> {
	const queue = items.entries();
	let failure: { readonly error: unknown } | undefined;
	const others: Others = {
		untilFailure: async function* (stream) {
			for await (const chunk of stream) {
				if (failure !== undefined) throw failure.error;
				yield chunk;
			}
		},
	};
	const worker = async () => {
		try {
			for (const [index, item] of queue) {
				if (failure !== undefined) return;
				await work(item, index, others);
			}
		} catch (error) {
			failure ??= { error };
		}
	};
	await Promise.all(Array.from({ length: workers }, worker));
	if (failure !== undefined) throw failure.error;
}
