// One process at a time fetches a blob and makes its layer: who comes second waits, and finds it done. The lock is the kernel's, on a file that
// its holder removes; after a kill garbage collection does, and nothing is held. Waiting polls, because a process may hold one blob
// and wait for another: a thread that slept in flock(2) could not go on with the first, and two such processes would wait for ever.

import { fstatSync } from "node:fs";
import { LOCK_EX, LOCK_NB, lock, O_CREAT, O_RDWR, openFd, unlink } from "../linux/file.ts";
import type { Digest } from "../spec/image.ts";
import { temporaryFolder } from "./blobs.ts";

const firstPauseMs = 5;
const lastPauseMs = 200;

/**
 * Waits until nobody else works on a blob. The caller holds the blobs ({@link holdBlobs}), so the file stays.
 * @param waiting called once, when somebody else does
 * @returns the lock; disposing it ends it
 */
export async function lockBlob(root: string, digest: Digest, waiting?: () => void): Promise<Disposable> {
	const path = `${temporaryFolder(root)}/lock-${digest.replace(":", "-")}`;
	for (;;) {
		const file = openFd(path, O_RDWR | O_CREAT, 0o600);
		try {
			for (let pauseMs = firstPauseMs; !lock(file, LOCK_EX | LOCK_NB, path); pauseMs = Math.min(pauseMs * 2, lastPauseMs)) {
				waiting?.();
				await Bun.sleep(pauseMs);
			}
			// Whoever had it has removed it: another may lie at the path now.
			if (fstatSync(file.number).nlink > 0) {
				return {
					[Symbol.dispose]: () => {
						unlink(path);
						file[Symbol.dispose]();
					},
				};
			}
		} catch (error) {
			file[Symbol.dispose]();
			throw error;
		}
		file[Symbol.dispose]();
	}
}
