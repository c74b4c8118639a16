// Reads <meta> tags out of whatever a web server calls HTML. No document is built: tags are met in the order of the text, in the head or not,
// closed or not, as a tokenizer of HTML meets them. Comments, scripts, styles and the like are skipped: what a page only talks about is not said.
// Time is linear in the length, whatever the text.
// @see appc spec discovery.md#meta-discovery, HTML section 13.2.5

/** One tag `<meta name="ac-..." content="PREFIX TEMPLATE">`. */
export type AcMeta = {
	/** In lower case: `ac-discovery`, `ac-discovery-pubkeys`. */
	readonly name: string;
	readonly prefix: string;
	readonly template: string;
};

const maxTags = 100;
/** Elements whose content is text to a browser, up to their end tag. */
const rawElements = new Set(["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"]);
const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** The tags whose name begins with `ac-` and whose content has two words. */
export function readAcMeta(html: string): readonly AcMeta[] {
	const found: AcMeta[] = [];
	for (let at = html.indexOf("<"); at >= 0 && found.length < maxTags; at = html.indexOf("<", at)) {
		if (html.startsWith("<!--", at)) {
			const end = html.indexOf("-->", at + 4);
			if (end < 0) break;
			at = end + 3;
			continue;
		}
		const element = matchAt(/[a-zA-Z][^\s/>]{0,64}/y, html, at + 1)?.[0];
		if (element === undefined) {
			at++;
			continue;
		}
		const tag = readAttributes(html, at + 1 + element.length);
		at = tag.end;
		const word = element.toLowerCase();
		if (rawElements.has(word)) {
			const close = new RegExp(`</${word}[\\s/>]`, "gi");
			close.lastIndex = at;
			const end = close.exec(html);
			if (end === null) break;
			at = end.index + 2;
		} else if (word === "meta") {
			const meta = metaOf(tag.attributes);
			if (meta !== undefined) found.push(meta);
		}
	}
	return found;
}

function metaOf(attributes: ReadonlyMap<string, string>): AcMeta | undefined {
	const name = (attributes.get("name") ?? "").trim().toLowerCase();
	const content = /^(\S+)\s+(\S[\s\S]*)$/.exec(attributes.get("content")?.slice(0, 8192).trim() ?? "");
	const [, prefix, template] = content ?? [];
	return name.startsWith("ac-") && prefix !== undefined && template !== undefined ? { name, prefix, template } : undefined;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
	pattern.lastIndex = at;
	return pattern.exec(text);
}

/** @returns the attributes of a tag, the first of each name, and where the tag ends */
function readAttributes(html: string, start: number): { readonly attributes: ReadonlyMap<string, string>; readonly end: number } {
	const attributes = new Map<string, string>();
	let at = start;
	for (;;) {
		at += matchAt(/[\s/]*/y, html, at)?.[0].length ?? 0;
		if (at >= html.length) return { attributes, end: at };
		if (html[at] === ">") return { attributes, end: at + 1 };
		// A tag that was never closed ends where the next begins; a browser would read on, and lose that one.
		if (html[at] === "<") return { attributes, end: at };
		const name = matchAt(/[^\s/>][^\s/>=]*/y, html, at)?.[0] ?? "";
		at += name.length;
		const equals = matchAt(/\s*=\s*/y, html, at)?.[0];
		let value = "";
		if (equals !== undefined) {
			at += equals.length;
			const quote = html[at];
			const close = quote === '"' || quote === "'" ? html.indexOf(quote, at + 1) : -1;
			if (close >= 0) {
				value = html.slice(at + 1, close);
				at = close + 1;
			} else {
				value = matchAt(/[^\s>]*/y, html, at)?.[0] ?? "";
				at += value.length;
			}
		}
		const lower = name.toLowerCase();
		if (!attributes.has(lower) && attributes.size < 100) attributes.set(lower, decodeEntities(value));
	}
}

function decodeEntities(text: string): string {
	if (!text.includes("&")) return text;
	return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,5}));?/g, (whole, decimal?: string, hex?: string, word?: string) => {
		if (word !== undefined) return entities[word] ?? whole;
		const point = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
		return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole;
	});
}
