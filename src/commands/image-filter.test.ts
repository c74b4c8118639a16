// Filters of images: each key with what it takes and what it refuses.

import { describe, expect, test } from "bun:test";
import type { ListedImage } from "../image/list.ts";
import { parseImageFilters } from "./image-filter.ts";

function image(name: string, created: string, labels: Record<string, string> = {}, id = "a".repeat(64)): ListedImage {
	const digest = `sha256:${id}` as const;
	const config = { created, config: { labels } };
	return { name, digest, record: { digest, configDigest: digest, config } } as unknown as ListedImage;
}

const images = [
	image("docker.io/library/alpine:3", "2024-01-01T00:00:00Z", { a: "1" }, "1".repeat(64)),
	image("quay.io/team/app:1.0", "2025-01-01T00:00:00Z", { a: "2", b: "" }, "2".repeat(64)),
	image("", "2023-01-01T00:00:00Z", {}, "3".repeat(64)),
	image("localhost/new:latest", new Date().toISOString(), {}, "4".repeat(64)),
];
const kept = (...filters: readonly string[]) => parseImageFilters(filters)(images).map((found) => images.indexOf(found));

describe("parseImageFilters", () => {
	for (const [filters, expected] of [
		[[], [0, 1, 2, 3]],
		[["dangling=true"], [2]],
		[["dangling=false"], [0, 1, 3]],
		[["label=a"], [0, 1]],
		[["label=a=2"], [1]],
		[["label=a", "label=b"], [1]],
		[["before=quay.io/team/app:1.0"], [0, 2]],
		[["since=alpine:3"], [1, 3]],
		[["until=2024-06-01"], [0, 2]],
		[["until=24h"], [0, 1, 2]],
		[["until=1704070000"], [0, 2]],
		[["reference=alpine"], [0]],
		[["reference=alp*:3"], [0]],
		[["reference=*/*/app"], [1]],
		[["reference=quay.io/team/*:1.?"], [1]],
		[["reference=app"], []],
		[
			["reference=alpine", "reference=localhost/new"],
			[0, 3],
		],
		[["id=222"], [1]],
		[["digest=sha256:111"], [0]],
		[["dangling=false", "label=a=1"], [0]],
	] as const) {
		test(JSON.stringify(filters), () => expect(kept(...filters)).toEqual([...expected]));
	}

	for (const filter of ["x=1", "dangling", "dangling=maybe", "until=soon", "danglin=true"]) {
		test(`${filter} is refused`, () => expect(() => kept(filter)).toThrow("cannot filter by"));
	}

	test("an image that is not there is not found", () => expect(() => kept("before=nothing")).toThrow("cannot find image"));
});
