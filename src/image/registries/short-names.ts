// Names without a registry: an alias, or each of the search registries in turn. Where neither is configured docker.io is meant, as docker means it.
// @see containers-registries.conf(5) "Short-Name Aliasing"

import { CortenError } from "../../base/errors.ts";
import { isShortName, parseReference, type Reference } from "../reference.ts";
import type { RegistriesConfig } from "./decode.ts";
import { type Environment, loadRecordedAliases, loadRegistries } from "./load.ts";

function splitShort(text: string): { readonly name: string; readonly rest: string } {
	const end = /[:@]/.exec(text)?.index ?? text.length;
	return { name: text.slice(0, end), rest: text.slice(end) };
}

/**
 * What a name may mean, in the order in which it is tried; a full name means itself. Without terminal nobody is asked, and corten never asks: several
 * search registries are tried in order, unless the mode is enforcing.
 * @param text a reference as typed
 * @param recorded aliases that go before those of the configuration
 * @throws `invalid-argument` for a broken reference, or one that is ambiguous where the mode is enforcing
 */
export function resolveShortName(
	text: string,
	config: RegistriesConfig,
	recorded: RegistriesConfig["aliases"] = new Map(),
): readonly Reference[] {
	const plain = parseReference(text);
	if (!isShortName(text)) return [plain];
	const { name, rest } = splitShort(text);
	const alias = recorded.get(name) ?? config.aliases.get(name);
	if (alias) return [parseReference(`${alias}${rest}`)];
	const { registries, origin } = config.search ?? { registries: [], origin: "" };
	if (registries.length === 0) return [plain];
	if (registries.length > 1 && config.shortNameMode === "enforcing") {
		throw new CortenError(
			"invalid-argument",
			`cannot resolve short name "${text}": "${origin}" has several search registries, and short-name-mode is enforcing`,
			{
				hint: `say which: ${registries.map((registry) => `${registry}/${text}`).join(", ")}`,
			},
		);
	}
	return registries.map((registry) => parseReference(`${registry}/${text}`));
}

/** {@link resolveShortName} with the files of this machine. */
export function resolveName(
	text: string,
	environment: Environment,
	config: RegistriesConfig = loadRegistries(environment),
): readonly Reference[] {
	return resolveShortName(text, config, isShortName(text) ? loadRecordedAliases(environment) : undefined);
}
