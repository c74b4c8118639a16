// Signature policies, with signatures that skopeo and gpg made, in a real registry: each policy is asked by corten and by skopeo, and the verdicts
// are the same. Sigstore's signatures are made by node's crypto in the form of cosign's; skopeo is the judge of that too.
// @see containers-policy.json(5), containers-registries.d(5)

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSign, generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, run, top } from "../support/corten.ts";
import { Gpg } from "../support/gpg.ts";
import { makeImage, sha256, writeImages } from "../support/images.ts";
import { must } from "../support/must.ts";
import { type Registry, serveStorage } from "../support/registry.ts";

const folder = mkdtempSync(`${tmpdir()}/corten-signatures-`);
const home = `${folder}/home`;
const image = makeImage();
const digest = image.manifest.digest;
const ours = generateKeyPairSync("ec", { namedCurve: "P-256" });
const others = generateKeyPairSync("ec", { namedCurve: "P-256" });
let gpg: Gpg;
let registry: Registry;
let host = "";

const pem = (key: typeof ours) => key.publicKey.export({ type: "spki", format: "pem" }).toString();
const environment = () => ({ PATH: process.env.PATH ?? "", HOME: home, GNUPGHOME: gpg.home, TMPDIR: folder });

beforeAll(async () => {
	gpg = new Gpg();
	gpg.makeKey("ours", "rsa2048");
	gpg.makeKey("others", "rsa2048");
	for (const name of ["ours", "others"]) writeFileSync(`${folder}/${name}.gpg`, gpg.export(name));
	for (const [name, key] of [["ours", ours] as const, ["others", others] as const]) writeFileSync(`${folder}/${name}.pub`, pem(key));
	registry = await serveStorage(`${folder}/storage`, { writable: true });
	host = registry.host;
	const config = `${home}/.config/containers/registries.d`;
	mkdirSync(config, { recursive: true });
	writeFileSync(
		`${config}/test.yaml`,
		`docker:\n  ${host}:\n    lookaside: file://${folder}/lookaside\n    use-sigstore-attachments: true\n`,
	);
	writeImages(`${folder}/layout`, { "example.com/app:1": image });
	const copy = ["skopeo", "--insecure-policy", "--registries.d", config, "copy", "-q", "--dest-tls-verify=false"];
	const from = `oci:${folder}/layout:example.com/app:1`;
	const sign = ["--sign-by", gpg.fingerprint("ours")];
	must([...copy, ...sign, from, `docker://${host}/signed:1`], { env: environment() });
	must([...copy, from, `docker://${host}/signed:2`], { env: environment() });
	must([...copy, from, `docker://${host}/unsigned:1`], { env: environment() });
	must([...copy, ...sign, "--sign-identity", "vendor.example/app:1", from, `dir:${folder}/dir`], { env: environment() });
	for (const name of ["signed", "stolen"]) attach(name, `${host}/signed`);
	must([...copy, from, `docker://${host}/stolen:1`], { env: environment() });
}, 60_000);
afterAll(async () => {
	await registry?.[Symbol.asyncDispose]();
	gpg?.[Symbol.dispose]();
	rmSync(folder, { recursive: true, force: true });
});

/** Attaches a sigstore signature as cosign does. @param name the repository of the registry that gets it @param identity what it claims */
function attach(name: string, identity: string): void {
	const critical = {
		type: "cosign container image signature",
		image: { "docker-manifest-digest": digest },
		identity: { "docker-reference": identity },
	};
	const payload = new TextEncoder().encode(JSON.stringify({ critical, optional: null }));
	const signature = createSign("sha256").update(payload).sign(ours.privateKey, "base64");
	const config = new TextEncoder().encode("{}");
	const manifest = {
		schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: sha256(config), size: config.length },
		layers: [
			{
				mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
				digest: sha256(payload),
				size: payload.length,
				annotations: { "dev.cosignproject.cosign/signature": signature },
			},
		],
	};
	const place = `${folder}/attach-${name}`;
	mkdirSync(place);
	writeFileSync(`${place}/version`, "Directory Transport Version: 1.1\n");
	writeFileSync(`${place}/manifest.json`, JSON.stringify(manifest));
	for (const bytes of [config, payload]) writeFileSync(`${place}/${sha256(bytes).slice(7)}`, bytes);
	const to = `docker://${host}/${name}:${digest.replace(":", "-")}.sig`;
	must(["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", `dir:${place}`, to], { env: environment() });
}

type Verdict = "accepted" | "refused";
let count = 0;

function writePolicy(policy: unknown): string {
	const path = `${folder}/policy-${count++}.json`;
	writeFileSync(path, typeof policy === "string" ? policy : JSON.stringify(policy));
	return path;
}

function corten(...args: readonly string[]): Promise<Result> {
	return run([`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`, ...args], { env: environment() });
}

/** Asks both. @returns corten's result */
async function judge(policy: unknown, from: string, verdict: Verdict): Promise<Result> {
	const path = writePolicy(policy);
	const wanted = verdict === "accepted";
	const peer = [
		"skopeo",
		"--policy",
		path,
		"--registries.d",
		`${home}/.config/containers/registries.d`,
		"copy",
		"-q",
		"--src-tls-verify=false",
	];
	const theirs = await run([...peer, from, `dir:${folder}/copy-${count}`], { env: environment() });
	// Debian builds its skopeo without sigstore: then corten alone is asked.
	if (!theirs.stderr.includes("sigstore disabled"))
		expect({ who: "skopeo", accepted: theirs.status === 0, said: theirs.stderr }).toMatchObject({ accepted: wanted });
	const result = await corten("pull", "-q", "--signature-policy", path, from);
	expect({ who: "corten", accepted: result.status === 0, said: result.stderr }).toMatchObject({ accepted: wanted });
	if (!wanted) expect((await corten("images", "-q")).stdout).toBe("");
	else expect((await corten("rmi", "-f", result.stdout.trim())).status).toBe(0);
	const converted = await corten("convert", "-q", "--signature-policy", path, from, `oci:${folder}/converted-${count}:a`);
	expect({ who: "convert", accepted: converted.status === 0, said: converted.stderr }).toMatchObject({ accepted: wanted });
	return result;
}

const reject = [{ type: "reject" }];
const docker = (requirements: unknown, scope = host) => ({ default: reject, transports: { docker: { [scope]: requirements } } });
const signedBy = (key: string, more: object = {}) => ({ type: "signedBy", keyType: "GPGKeys", keyPath: `${folder}/${key}.gpg`, ...more });
const sigstore = (key: string, more: object = { signedIdentity: { type: "matchRepository" } }) => ({
	type: "sigstoreSigned",
	keyPath: `${folder}/${key}.pub`,
	...more,
});
const identity = (type: string, more: object = {}) => ({ signedIdentity: { type, ...more } });

describe("corten and skopeo agree:", () => {
	const rows: readonly (readonly [string, () => unknown, () => string, Verdict])[] = [
		["everything is accepted", () => ({ default: [{ type: "insecureAcceptAnything" }] }), () => "unsigned:1", "accepted"],
		["everything is rejected", () => ({ default: reject }), () => "signed:1", "refused"],
		["a repository is accepted", () => docker([{ type: "insecureAcceptAnything" }], `${host}/unsigned`), () => "unsigned:1", "accepted"],
		["another is not", () => docker([{ type: "insecureAcceptAnything" }], `${host}/unsigned`), () => "signed:1", "refused"],
		["a good signature", () => docker([signedBy("ours")]), () => "signed:1", "accepted"],
		["no signature", () => docker([signedBy("ours")]), () => "unsigned:1", "refused"],
		["another's key", () => docker([signedBy("others")]), () => "signed:1", "refused"],
		["two keys are wanted, one signed", () => docker([signedBy("ours"), signedBy("others")]), () => "signed:1", "refused"],
		["a signature for another tag", () => docker([signedBy("ours")]), () => "signed:2", "refused"],
		["another tag of the repository", () => docker([signedBy("ours", identity("matchRepository"))]), () => "signed:2", "accepted"],
		["by digest, any tag", () => docker([signedBy("ours")]), () => `signed@${digest}`, "accepted"],
		["by digest, but exactly", () => docker([signedBy("ours", identity("matchExact"))]), () => `signed@${digest}`, "refused"],
		[
			"an exact reference",
			() => docker([signedBy("ours", identity("exactReference", { dockerReference: `${host}/signed:1` }))]),
			() => "signed:2",
			"accepted",
		],
		[
			"a name that is mapped to another",
			() => docker([signedBy("ours", identity("remapIdentity", { prefix: host, signedPrefix: "vendor.example" }))]),
			() => "signed:1",
			"refused",
		],
		[
			"a key in the policy itself",
			() => docker([{ ...signedBy("ours"), keyPath: undefined, keyData: keyData("ours") }]),
			() => "signed:1",
			"accepted",
		],
		["a policy with a property twice", () => '{"default":[{"type":"reject"}],"default":[{"type":"reject"}]}', () => "signed:1", "refused"],
		["sigstore's signature", () => docker([sigstore("ours")]), () => "signed:1", "accepted"],
		["sigstore's signature by another", () => docker([sigstore("others")]), () => "signed:1", "refused"],
		["sigstore's signature of a bare name, for a tag", () => docker([sigstore("ours", {})]), () => "signed:1", "refused"],
		["sigstore's signature of another repository", () => docker([sigstore("ours")]), () => "stolen:1", "refused"],
		["no sigstore signature", () => docker([sigstore("ours")]), () => "unsigned:1", "refused"],
		["both kinds are wanted and there", () => docker([signedBy("ours"), sigstore("ours")]), () => "signed:1", "accepted"],
	];
	for (const [name, policy, place, verdict] of rows)
		test(`${name}: ${verdict}`, async () => void (await judge(policy(), `docker://${host}/${place()}`, verdict)), 30_000);

	const dir = (rule: object) => ({ default: reject, transports: { dir: { [folder]: [signedBy("ours", { signedIdentity: rule })] } } });
	test("a folder is signed for the name the policy says", async () => {
		await judge(dir({ type: "exactRepository", dockerRepository: "vendor.example/app" }), `dir:${folder}/dir`, "accepted");
		await judge(dir({ type: "exactRepository", dockerRepository: "vendor.example/other" }), `dir:${folder}/dir`, "refused");
	}, 30_000);
});

function keyData(name: string): string {
	return Buffer.from(gpg.export(name, false)).toString("base64");
}

test("a refusal names the policy, the scope and the requirement", async () => {
	const policy = writePolicy(docker([signedBy("others")]));
	const { stderr } = await corten("pull", "-q", "--signature-policy", policy, `${host}/signed:1`);
	expect(stderr).toContain(`cannot accept image "${host}/signed:1"`);
	expect(stderr).toContain(`policy "${policy}", scope "docker:${host}", requirement signedBy`);
});

test("the user's policy counts without being named, for run and load too; what is in the store runs", async () => {
	const path = `${home}/.config/containers/policy.json`;
	writeFileSync(path, JSON.stringify({ default: reject }));
	try {
		expect((await corten("run", "--rm", `${host}/signed:1`, "true")).stderr).toContain("the signature policy rejects it");
		must([
			"skopeo",
			"--insecure-policy",
			"copy",
			"-q",
			"--remove-signatures",
			`dir:${folder}/dir`,
			`docker-archive:${folder}/a.tar:example.com/a:1`,
		]);
		expect((await corten("load", "-q", "-i", `${folder}/a.tar`)).stderr).toContain("the signature policy rejects it");
		expect((await corten("images", "-q")).stdout).toBe("");
		expect((await corten("pull", "-q", "corten/hello")).status).toBe(0);
		writeFileSync(path, "{");
		expect((await corten("pull", "-q", `${host}/signed:1`)).stderr).toContain(`cannot decode signature policy "${path}"`);
		expect((await corten("images", "-q")).stdout).not.toBe("");
	} finally {
		rmSync(path);
	}
});

test("a policy file that is named must be there", async () => {
	const { status, stderr } = await corten("pull", "-q", "--signature-policy", `${folder}/none`, `${host}/signed:1`);
	expect(status).toBe(1);
	expect(stderr).toContain(`cannot find signature policy "${folder}/none"`);
});
