// Counting of probes, from records alone.

import { expect, test } from "bun:test";
import { decodeProbes, unknownHealth as fresh, hasStarted, replay } from "./health.ts";

const check = { retries: 3, startPeriodMs: 0 };
const second = 1_000_000_000n;

/** Probes that start one second after the other. */
function records(...exitCodes: readonly number[]) {
	return exitCodes.map((exitCode, number) => ({
		number,
		start: BigInt(number) * second,
		end: BigInt(number) * second + 1n,
		exitCode,
		output: "",
	}));
}

test("so many failures in a row make a container unhealthy, one success healthy", () => {
	const steps = records(1, 0, 1, 1, -1, 1, 0);
	const states = steps.map((_, index) => {
		const { status, failingStreak } = replay(fresh, steps.slice(0, index + 1), check, 0n);
		return `${status} ${failingStreak}`;
	});
	expect(states).toEqual(["starting 1", "healthy 0", "healthy 1", "healthy 2", "unhealthy 3", "unhealthy 4", "healthy 0"]);
});

test("failures of the start period do not count, unless the container was healthy before", () => {
	const patient = { retries: 1, startPeriodMs: 3000 };
	expect(replay(fresh, records(1, 1, 1), patient, 0n).status).toBe("starting");
	expect(replay(fresh, records(1, 1, 1, 1), patient, 0n).status).toBe("unhealthy");
	expect(replay(fresh, records(0, 1), patient, 0n).status).toBe("unhealthy");
});

test("while the startup check is asked nothing is healthy or unhealthy", () => {
	const startup = { args: [], test: [], intervalMs: 1, timeoutMs: 1, retries: 0, successes: 2 };
	const both = { ...check, retries: 1, startup };
	const state = (...codes: number[]) => replay(fresh, records(...codes), both, 0n);
	expect(state(1, 1, 0)).toMatchObject({ status: "starting", failingStreak: 0, startSuccesses: 1, startFailures: 2 });
	expect(hasStarted(state(1, 1, 0), both)).toBe(false);
	expect(hasStarted(state(1, 0, 0), both)).toBe(true);
	expect(state(1, 0, 0).status).toBe("starting");
	expect(state(1, 0, 0, 0).status).toBe("healthy");
	expect(state(0, 0, 1).status).toBe("unhealthy");
});

test("a record is counted once, however often it is looked at", () => {
	const all = records(1, 1, 0, 1);
	const half = replay(fresh, all.slice(0, 2), check, 0n);
	expect(replay(half, all, check, 0n)).toEqual(replay(fresh, all, check, 0n));
	expect(replay(replay(half, all, check, 0n), all, check, 0n)).toMatchObject({ status: "healthy", failingStreak: 1, counted: 4 });
});

test("the file holds the last five records, each at its place; damage costs the record that is damaged", () => {
	const bytes = new Uint8Array(64 + 5 * (128 + 4096));
	const put = (text: string, at: number) => bytes.set(new TextEncoder().encode(text), at);
	put("7\n", 0);
	for (let number = 2; number < 7; number++) {
		const place = 64 + (number % 5) * 4224;
		put(`${number} ${number === 4 ? 1 : 0} ${number} 5 ${number} 9 3\n`, place);
		put(`n ${number}, and more`, place + 128);
	}
	const read = decodeProbes(bytes);
	expect(read.map(({ number, exitCode, output }) => [number, exitCode, output])).toEqual([
		[2, 2, "n 2"],
		[3, 3, "n 3"],
		[4, -1, "n 4"],
		[5, 5, "n 5"],
		[6, 6, "n 6"],
	]);
	expect(read[0]).toMatchObject({ start: 2n * second + 5n, end: 2n * second + 9n });
	put("x", 64 + 3 * 4224);
	expect(decodeProbes(bytes).map(({ number }) => number)).toEqual([2, 4, 5, 6]);
	expect(decodeProbes(new Uint8Array(0))).toEqual([]);
});
