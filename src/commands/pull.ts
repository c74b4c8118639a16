// corten pull: an image from a registry, a layout or an archive into the store.

import { CortenError } from "../base/errors.ts";
import { parseInsecure } from "../base/insecure.ts";
import { parsePlatform } from "../image/platform.ts";
import { formatFamiliar, hasTransport, parseReference } from "../image/reference.ts";
import { resolveName } from "../image/registries/short-names.ts";
import { listTags } from "../image/sources/registry-list.ts";
import { createSession, type RegistryOptions } from "../image/sources/registry-session.ts";
import { defineCommand } from "./command.ts";
import { pullShowing } from "./pulling.ts";
import { parseRegistryOptions, registryOptions } from "./registry-options.ts";

/** `corten pull` */
export const command = defineCommand({
	summary: "bring an image into the store",
	usage: "[OPTIONS] IMAGE",
	options: {
		platform: { kind: "value", metavar: "OS/ARCH[/VARIANT]", help: "take the image made for this platform (default: this machine's)" },
		"all-platforms": { kind: "flag", help: "also what the image is for other machines, to push or save it whole" },
		quiet: { kind: "flag", short: "q", help: "print only the name" },
		...registryOptions,
		"signature-policy": { kind: "value", metavar: "FILE", help: "signature policy (default: ~/.config/containers/policy.json, or /etc's)" },
		"insecure-options": {
			kind: "value",
			metavar: "WORDS",
			help: "of images of appc's: do not ask for signatures (image), certificates (tls), https (http)",
		},
		"all-tags": { kind: "flag", short: "a", help: "all tags of the repository; the first that cannot be pulled ends it" },
		"disable-content-trust": { kind: "flag", help: "accepted for docker's sake: there is nothing to switch off" },
	},
	operands: { min: 1, max: 1 },
	description: [
		"IMAGE is a reference as docker takes it (NAME[:TAG][@DIGEST], docker.io and latest if not said), docker://REFERENCE, oci:PATH[:NAME] for " +
			"an OCI image layout, or docker-archive:PATH[:NAME] for what docker save writes. corten/hello comes with corten.",
		"containers-registries.conf(5) is read as podman reads it: mirrors are tried before the registry itself, a name without registry is an alias or sought in the search registries " +
			"(docker.io if there are none). The image keeps the name it was asked for by.",
		"Every byte is verified against its digest. Credentials are those of podman login and docker login: $REGISTRY_AUTH_FILE, " +
			"$XDG_RUNTIME_DIR/containers/auth.json, ~/.docker/config.json. Registries are spoken to over TLS, but for those on this machine.",
		"containers-policy.json(5) says what may be pulled, and which signatures it needs: signedBy and sigstoreSigned by a key are verified before the first layer is fetched, of the " +
			"manifest for this platform. containers-registries.d(5) says where signatures are. Without a policy file every image is accepted.",
		"aci:PATH is an image archive of appc's, whose dependencies lie beside it; appc:NAME[:VERSION][,LABEL=VALUE] one that is found by discovery: by ac-discovery tags in the web page at " +
			"https://NAME, or above it. So is a NAME with a host whose registry does not answer or does not have it; it gets NAME:VERSION as its name in the store. Such " +
			"images must be signed by a key that corten trust has for NAME, an archive by PATH.asc beside it. --insecure-options=image asks for no signatures, tls " +
			"for no good certificates, http tries plain http where https fails. Passwords and tokens for their hosts are in /etc/corten/auth.d, in rkt's form.",
	],
	examples: [
		["corten pull example.com/app:1.0", "an image of appc's, where example.com is no registry; see corten-trust(1)"],
		["corten pull alpine", "docker.io/library/alpine:latest"],
		["corten pull --platform linux/arm64 quay.io/fedora/fedora:41", "for another machine"],
		["corten pull docker-archive:app.tar", "what docker save wrote"],
	],
	run: async (context, options, operands) => {
		const text = operands[0] ?? "";
		const platform = options.platform === undefined ? {} : { platform: parsePlatform(options.platform) };
		const registry = parseRegistryOptions(options);
		const signaturePolicy = options["signature-policy"];
		const appc = { insecure: parseInsecure(options["insecure-options"]) };
		const allPlatforms = options["all-platforms"];
		for (const wanted of options["all-tags"] ? await allTags(text, registry) : [text]) {
			const result = await pullShowing(context, wanted, { ...platform, allPlatforms, registry, appc, signaturePolicy }, options.quiet);
			const shown = result.names.length === 0 ? [result.record.configDigest] : result.names;
			if (!options.quiet) {
				context.print(`Digest: ${result.digest}\n`);
				for (const name of shown) {
					context.print(`Status: ${result.changed ? "Downloaded newer image" : "Image is up to date"} for ${familiar(name)}\n`);
				}
			}
			context.print(shown.map((name) => `${name}\n`).join(""));
		}
		return 0;
	},
});

/** Every tag of a repository as a full reference, but those that stand for referrers: they are no images. */
async function allTags(text: string, registry: RegistryOptions): Promise<readonly string[]> {
	const name = text.replace(/^docker:\/\//, "");
	if (hasTransport(name) || /@|:[^/]*$/.test(name))
		throw new CortenError("invalid-argument", `cannot pull all tags of "${text}": expected a repository, without tag`);
	const [reference = parseReference(name), ...others] =
		name === text ? resolveName(name, registry.environment ?? process.env) : [parseReference(name)];
	if (others.length > 0) throw new CortenError("invalid-argument", `cannot pull all tags of "${text}": it may be in several registries`);
	const tags = await listTags(createSession(reference, registry));
	return tags.filter((tag) => !/^sha(?:256|512)-[0-9a-f]{64}/.test(tag)).map((tag) => `${reference.domain}/${reference.repository}:${tag}`);
}

function familiar(name: string): string {
	return name.includes("/") ? formatFamiliar(parseReference(name)) : name;
}
