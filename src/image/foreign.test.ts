// Foreign layers: what an image says to lie elsewhere is fetched from where the image is, and from nowhere else.

import { expect, test } from "bun:test";
import { makeImage, passwdLayer, serveFake, temporaryFolder } from "../../test/support/images.ts";
import { pullImage } from "./pull.ts";

/** Its second layer is foreign and names a server of ours. */
function foreignImage(url: string) {
	return makeImage({
		docker: true,
		layers: [passwdLayer, [{ path: "far", kind: "file", data: "far" }]],
		manifest: (manifest) => {
			const [first, second] = manifest.layers as Record<string, unknown>[];
			const mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
			return { ...manifest, layers: [first, { ...second, mediaType, urls: [url] }] };
		},
	});
}

test("a foreign layer that the registry has is fetched there; its urls are not asked (CVE-2020-15157)", async () => {
	using registry = serveFake();
	using elsewhere = serveFake();
	using store = temporaryFolder();
	const image = foreignImage(`http://${elsewhere.host}/layer`);
	registry.add("1", image);
	const { record } = await pullImage(`${registry.host}/app:1`, { root: store.path });
	expect(record.layers).toHaveLength(2);
	expect(elsewhere.seen).toEqual([]);
});

test("one that it does not have is an error that says so, and nothing stays; its urls are not asked (CVE-2020-15157)", async () => {
	using registry = serveFake();
	using elsewhere = serveFake();
	using store = temporaryFolder();
	const image = foreignImage(`http://${elsewhere.host}/layer`);
	registry.add("1", image);
	const missing = image.layers[1]?.digest ?? "";
	registry.blobs.delete(missing);
	await expect(pullImage(`${registry.host}/app:1`, { root: store.path })).rejects.toMatchObject({
		code: "unsupported",
		message: `cannot fetch foreign layer "${missing}": it is not where the image is`,
	});
	expect(elsewhere.seen).toEqual([]);
});
