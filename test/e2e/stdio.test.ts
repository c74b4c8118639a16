// Bytes through a container's standard streams: nothing lost, nothing added, at any size, with streams closed or inherited.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Home, run } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxName } from "../support/fixtures/busybox.ts";

const home = new Home();
beforeAll(async () => {
	await home.must("pull", `oci:${fixture("busybox")}/oci:${busyboxName}`);
});
afterAll(() => home[Symbol.asyncDispose]());

const quote = (words: readonly string[]) => words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
// A fixed sequence that does not repeat, made fast and twice: once for the sum that is expected, once through the container.
const endless = Bun.which("openssl") === null ? "seq 1 1000000000" : "openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 -in /dev/zero";
/** head ends the source by SIGPIPE, which is no failure. */
const gibibyte = `{ (set +o pipefail; ${endless} 2>/dev/null | head -c ${1 << 30}); }`;

async function shell(script: string): Promise<string> {
	const result = await run(["bash", "-c", script], { timeoutMs: 240_000 });
	if (result.status !== 0) throw new Error(`status ${result.status}\n${result.stderr}`);
	return result.stdout.trim();
}

test("1 GiB goes through stdin and stdout byte for byte", async () => {
	const expected = await shell(`${gibibyte} | sha256sum`);
	expect(await shell(`set -o pipefail; ${gibibyte} | ${quote(home.command("run", "--rm", "-i", "busybox", "cat"))} | sha256sum`)).toBe(
		expected,
	);
}, 300_000);

test("1 GiB goes through stderr byte for byte", async () => {
	const expected = await shell(`${gibibyte} | sha256sum`);
	const corten = quote(home.command("run", "--rm", "-i", "busybox", "sh", "-c", "cat >&2"));
	expect(await shell(`set -o pipefail; ${gibibyte} | ${corten} 2>&1 >/dev/null | sha256sum`)).toBe(expected);
}, 300_000);

test("stdout and stderr stay apart", async () => {
	const result = await home.run([], "busybox", ["sh", "-c", "echo out; echo err >&2"]);
	expect(result).toEqual({ status: 0, stdout: "out\n", stderr: "err\n" });
});

test("it runs with stdin closed, and with all three closed", async () => {
	const corten = quote(home.command("run", "--rm", "busybox", "echo", "alive"));
	expect(await shell(`${corten} <&-`)).toBe("alive");
	expect(await shell(`${corten} <&- >&- 2>&-; echo $?`)).toMatch(/^\d+$/);
	expect(home.leftovers()).toEqual([]);
});

test("a reader that goes away ends the payload by SIGPIPE, not corten's mind", async () => {
	const corten = quote(home.command("run", "--rm", "busybox", "yes"));
	expect(await shell(`${corten} 2>/dev/null | head -n1; true`)).toBe("y");
	for (let round = 0; round < 100 && home.leftovers().length > 0; round++) await Bun.sleep(20);
	expect(home.leftovers()).toEqual([]);
});

test("descriptors of the caller do not reach the payload", async () => {
	const corten = quote(home.command("run", "--rm", "busybox", "ls", "/proc/self/fd"));
	// ls itself opens the folder as 3
	expect(await shell(`${corten} 5</etc/passwd 7>/dev/null 100</etc/hosts`)).toBe("0\n1\n2\n3");
});
