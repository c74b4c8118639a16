// Changes of a config: each instruction in each of its forms.

import { describe, expect, test } from "bun:test";
import { applyChanges } from "./changes.ts";

function apply(changes: readonly string[], config: Record<string, unknown> = {}): unknown {
	return applyChanges({ config }, changes).config;
}

describe("applyChanges", () => {
	for (const [change, expected] of [
		['CMD ["a", "b c"]', { Cmd: ["a", "b c"] }],
		["cmd a b", { Cmd: ["/bin/sh", "-c", "a b"] }],
		["CMD []", { Cmd: [] }],
		['ENTRYPOINT ["/a"]', { Entrypoint: ["/a"] }],
		['ENV A=b C="d e" F=g\\ h', { Env: ["A=b", "C=d e", "F=g h"] }],
		["ENV A b c", { Env: ["A=b c"] }],
		["EXPOSE 80 53/udp", { ExposedPorts: { "80/tcp": {}, "53/udp": {} } }],
		["LABEL a=b 'c d'=e", { Labels: { a: "b", "c d": "e" } }],
		["ONBUILD RUN x", { OnBuild: ["RUN x"] }],
		["STOPSIGNAL SIGINT", { StopSignal: "SIGINT" }],
		["USER 1:2", { User: "1:2" }],
		['VOLUME ["/a b"]', { Volumes: { "/a b": {} } }],
		["VOLUME /a /b", { Volumes: { "/a": {}, "/b": {} } }],
		["WORKDIR /a", { WorkingDir: "/a" }],
	] as const) {
		test(change, () => expect(apply([change])).toEqual(expected));
	}

	test("what was there stays, or is replaced by its name", () => {
		expect(
			apply(["ENV A=2 B=3", "WORKDIR b", "LABEL x=y"], { Env: ["A=1", "C=1"], WorkingDir: "/a", Labels: { z: "1" }, Other: 1 }),
		).toEqual({
			Env: ["C=1", "A=2", "B=3"],
			WorkingDir: "/a/b",
			Labels: { z: "1", x: "y" },
			Other: 1,
		});
	});

	for (const change of ["RUN x", "CMD", "CMD [1]", "CMD [", "ENV A", "ENV =b", "", "LABEL"]) {
		test(`${JSON.stringify(change)} is refused, and named`, () => expect(() => apply([change])).toThrow(JSON.stringify(change)));
	}
});
