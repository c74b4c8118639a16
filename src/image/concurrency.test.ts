// Three at a time: all of them, in order, and none after a failure.

import { expect, test } from "bun:test";
import { threeAtATime } from "./concurrency.ts";

test("all items are worked on, begun in their order, three at once and no more", async () => {
	const begun: number[] = [];
	let now = 0;
	let most = 0;
	await threeAtATime([...Array(20).keys()], async (item, index) => {
		expect(item).toBe(index);
		begun.push(item);
		most = Math.max(most, ++now);
		await Promise.resolve();
		now--;
	});
	expect(begun).toEqual([...Array(20).keys()]);
	expect(most).toBe(3);
	await threeAtATime([], async () => expect.unreachable());
});

test("the first failure ends the others' streams and what has not begun, and is what is thrown", async () => {
	const begun: number[] = [];
	const gate = Promise.withResolvers<void>();
	const read: number[] = [];
	const working = threeAtATime([0, 1, 2, 3, 4], async (item, _index, { untilFailure }) => {
		begun.push(item);
		if (item === 0) {
			await gate.promise;
			throw new Error("first");
		}
		const endless = async function* () {
			for (let at = 0; ; at++) {
				yield new Uint8Array(1);
				if (at === 2) gate.resolve();
				await Bun.sleep(0);
			}
		};
		for await (const chunk of untilFailure(endless())) read.push(chunk.length);
	});
	await expect(working).rejects.toThrow("first");
	expect(begun).toEqual([0, 1, 2]);
	expect(read.length).toBeGreaterThan(2);
});
