// corten auto-update in a guest with a registry: a good image stays, one that exits or that is not healthy is taken back.

import { afterAll, beforeAll, expect } from "bun:test";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fixture } from "../support/fixture.ts";
import { sha256 } from "../support/images.ts";
import { must } from "../support/must.ts";
import { serveStorage } from "../support/registry.ts";
import { installed, testWhen } from "../support/skip.ts";
import { bootLimitMs, bootUnits, noGuest, type Units } from "./units.ts";

const reason = noGuest ?? (installed("docker-registry") && installed("skopeo") ? undefined : "not installed: docker-registry or skopeo");
const inGuest = testWhen(reason === undefined, reason ?? "");
let units: Units;
const port = 5000;
const image = `127.0.0.1:${port}/app:latest`;

type Blob = { readonly digest: string; readonly size: number };
type Document = Record<string, unknown> & { readonly config: Record<string, unknown>; readonly manifests: readonly Blob[] };

/** Images that differ in their config alone, by the tag under which the registry has them. */
const variants: Readonly<Record<string, Record<string, unknown>>> = {
	one: { Labels: { version: "1" } },
	two: { Labels: { version: "2" } },
	exits: { Cmd: ["sh", "-c", "exit 3"] },
	sick: { Healthcheck: { Test: ["CMD", "false"], Interval: 200_000_000, Retries: 2 } },
	well: { Healthcheck: { Test: ["CMD", "true"], Interval: 200_000_000, Retries: 2 }, Labels: { version: "3" } },
};

/** An OCI layout of busybox with another config, as an entry of `layout`. */
function addVariant(layout: string, name: string, change: Record<string, unknown>): void {
	const read = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Document;
	const blob = (digest: string) => `${layout}/blobs/${digest.replace(":", "/")}`;
	const write = (value: unknown): Blob => {
		const text = JSON.stringify(value);
		const digest = sha256(text);
		writeFileSync(blob(digest), text);
		return { digest, size: Buffer.byteLength(text) };
	};
	const index = read(`${layout}/index.json`);
	const manifest = read(blob(index.manifests[0]?.digest ?? ""));
	const config = read(blob(String(manifest.config.digest)));
	const changed = write({ ...config, config: { ...config.config, Cmd: ["sleep", "100000"], ...change } });
	const made = write({ ...manifest, config: { ...manifest.config, ...changed } });
	const entry = { ...index.manifests[0], ...made, annotations: { "org.opencontainers.image.ref.name": name } };
	writeFileSync(`${layout}/index.json`, JSON.stringify({ ...index, manifests: [...index.manifests, entry] }));
}

beforeAll(async () => {
	if (reason !== undefined) return;
	units = await bootUnits();
	const { share } = units.guest;
	const layout = `${share}/layout`;
	cpSync(`${fixture("busybox")}/oci`, layout, { recursive: true });
	mkdirSync(`${share}/registry`);
	await using registry = await serveStorage(`${share}/registry`, { writable: true });
	for (const [name, change] of Object.entries(variants)) {
		addVariant(layout, name, change);
		const target = `docker://${registry.host}/app:${name}`;
		must(["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", `oci:${layout}:${name}`, target]);
	}
	cpSync("/usr/bin/docker-registry", `${share}/docker-registry`);
	writeFileSync(
		`${share}/registry.yml`,
		`version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: /share/registry}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
	);
	await units.sh(`ip link set lo up; systemd-run --quiet --unit=registry /share/docker-registry serve /share/registry.yml
		for i in $(seq 600); do (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && exit 0; sleep 0.1; done; journalctl -u registry; exit 1`);
}, bootLimitMs);
afterAll(() => units?.[Symbol.asyncDispose]());

/** `push TAG` lets latest mean what TAG means; `update` prints the outcomes; `version` is the label of the image that runs. */
const words = `push() { local tags=/share/registry/docker/registry/v2/repositories/app/_manifests/tags; rm -rf $tags/latest; cp -r $tags/$1 $tags/latest; }
until_() { for i in $(seq 900); do eval "$1" && return 0; sleep 0.1; done; echo "never: $1"; return 1; }
update() { corten auto-update --probation 1 --format '{{.Unit}} {{.Policy}} {{.Updated}}' "$@" 2>/tmp/errors || echo "status $?"; cat /tmp/errors | sed 's/.*is not well with.*: /because /'; }
version() { corten inspect -f '{{.Config.Labels.version}}' app; }
unit() { printf '[Service]\\nType=notify\\nKillMode=mixed\\nTimeoutStopSec=1\\n%s\\nExecStart=/usr/bin/corten run --rm --pull never --name %s --label io.containers.autoupdate=%s %s\\n' "\${4:-}" $1 $2 "$3" >/run/systemd/system/$1.service; systemctl daemon-reload; }`;
const lines = async (script: string) => (await units.sh(`${words}\n${script}`, 250_000)).split("\n");

inGuest(
	"registry: nothing new, a dry run, a good update; the image before stays in the store",
	async () => {
		const seen = await lines(`push one; corten pull -q ${image} >/dev/null; unit app registry ${image}; systemctl start app; version
			update; push two; update --dry-run; version; update; version; update
			corten images --format '{{.Repository}}' | grep -c none; corten auto-update --history --format '{{.Unit}} {{.Verdict}}'`);
		expect(seen).toEqual([
			...["1", "app.service registry false", "app.service registry pending", "1"],
			...["app.service registry true", "2", "app.service registry false", "1", "app.service updated"],
		]);
	},
	300_000,
);

inGuest(
	"an image whose container exits is taken back, is not tried again, and the history says why",
	async () => {
		const seen = await lines(`push exits; update --probation 8; version; show app ActiveState; update; update --dry-run
			corten auto-update --history --format '{{.Verdict}}: {{.Why}}' | tail -1; [ "$(corten auto-update --history | wc -l)" = 3 ] && echo table`);
		expect(seen).toEqual([
			...["app.service registry rolled back", "status 1", "because it has ended", "2", "active"],
			...["app.service registry skipped", "app.service registry skipped", "rolled back: it has ended", "table"],
		]);
	},
	300_000,
);

inGuest(
	"an image whose container is unhealthy is taken back, a healthy one stays, also where the unit waits for health",
	async () => {
		const seen = await lines(`push sick; update; version; show app ActiveState
			push well; update; version; corten ps --format '{{.Status}}' | grep -o '(.*)'
			systemctl stop app || true; unit app registry "--sdnotify=healthy ${image}" TimeoutStartSec=15; systemctl start app; corten ps -q --filter health=healthy | wc -l
			push sick; update --retry | grep -v because; version; show app ActiveState`);
		expect(seen).toEqual([
			...["app.service registry rolled back", "status 1", "because it is unhealthy", "2", "active"],
			...["app.service registry true", "3", "(healthy)", "1"],
			// The image before has a health check, so the unit comes up with it.
			...["app.service registry rolled back", "status 1", "3", "active"],
		]);
	},
	300_000,
);

inGuest(
	"local: what a name means in the store; --rollback=false leaves the bad one; what cannot be updated is named",
	async () => {
		const seen =
			await lines(`systemctl stop app || true; push one; corten pull -q ${image} >/dev/null; unit app local ${image}; systemctl start app; version
			push two; update; corten pull -q ${image} >/dev/null; update; version
			push exits; corten pull -q ${image} >/dev/null; update --probation 8 --retry --rollback=false; corten ps -q
			corten run -d --name own --label io.containers.autoupdate=local ${image} sleep 1000 >/dev/null; update
			corten rm -f own >/dev/null; systemctl reset-failed; 
			grep -c corten.previous /var/lib/corten/store/index.json; corten rmi -f ${image} >/dev/null; grep -c corten.previous /var/lib/corten/store/index.json || true`);
		expect(seen).toEqual([
			...["1", "app.service local false", "app.service local true", "2"],
			...["app.service local failed", "status 1", "because it has ended", "status 1"],
			'corten: warning: cannot update container "own": its unit starts the same container again',
			...["1", "0"], // what was kept for a name goes with the name
		]);
	},
	300_000,
);
