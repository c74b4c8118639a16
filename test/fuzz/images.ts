// Fuzzes what reads images, for a time each: the layers (tar reader and EROFS writer, whose output fsck.erofs checks and the kernel walks),
// whole archives (documents with digests made right again, compressed streams), and the documents alone. Fresh seeds; a finding is printed with the command that finds it again.

const [, , time, only] = process.argv;
const seconds = Number(time);

/** Rounds of one start: as many as end well within a test's time limit, also on a loaded machine. */
const fuzzers = [
	{ what: "layers", file: "src/image/layer/fuzz.test.ts", rounds: 3000, perRound: 1 },
	{ what: "archives", file: "src/image/archive-fuzz.test.ts", rounds: 1500, perRound: 1 },
	{ what: "documents", file: "src/image/decode-fuzz.test.ts", rounds: 20_000, perRound: 44 },
]
	.filter(({ what }) => only === undefined || what === only)
	.map((fuzzer) => ({ ...fuzzer, spentMs: 0, inputs: 0, findings: [] as string[] }));
if (!(seconds > 0) || fuzzers.length === 0) throw new Error("usage: images.ts SECONDS [layers|archives|documents]");

// In turns, so that a run that is stopped early has tried all of them.
for (let left = [...fuzzers]; left.length > 0; left = left.filter((fuzzer) => fuzzer.spentMs < seconds * 1000)) {
	for (const fuzzer of left) {
		const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
		const environment = { FUZZ_SEED: String(seed), FUZZ_ROUNDS: String(fuzzer.rounds) };
		const began = performance.now();
		const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "test", fuzzer.file], {
			env: { ...process.env, ...environment },
			stdout: "pipe",
			stderr: "pipe",
		});
		const ms = performance.now() - began;
		fuzzer.spentMs += ms;
		fuzzer.inputs += fuzzer.rounds * fuzzer.perRound;
		console.log(`${fuzzer.what}: seed ${seed}, ${fuzzer.rounds} rounds, ${Math.round(ms)} ms${exitCode === 0 ? "" : ": FINDING"}`);
		if (exitCode === 0) continue;
		fuzzer.findings.push(`FUZZ_SEED=${seed} FUZZ_ROUNDS=${fuzzer.rounds} bun test ${fuzzer.file}`);
		console.log(`${stdout}${stderr}`);
	}
}

for (const { what, spentMs, inputs, findings } of fuzzers)
	console.log([`${what}: ${Math.round(spentMs / 1000)} s, ${inputs} inputs, ${findings.length} findings`, ...findings].join("\n\t"));
process.exit(fuzzers.some((fuzzer) => fuzzer.findings.length > 0) ? 1 : 0);
