// Odd markup, as it is met in the world.

import { describe, expect, test } from "bun:test";
import { readAcMeta } from "./meta.ts";

const template = "https://example.com/{name}.{ext}";
const one = [{ name: "ac-discovery", prefix: "example.com/app", template }];
const content = `content="example.com/app ${template}"`;

describe("meta tags", () => {
	const good: Readonly<Record<string, string>> = {
		"a proper page": `<!DOCTYPE html><html><head><title>x</title><meta name="ac-discovery" ${content}></head><body>x</body></html>`,
		"a closed tag": `<meta name="ac-discovery" ${content} />`,
		"a closed tag without a space": `<meta name="ac-discovery" ${content}/>`,
		"upper case": `<META NAME="AC-Discovery" CONTENT="example.com/app ${template}">`,
		"attributes the other way round": `<meta ${content} name="ac-discovery">`,
		"more attributes": `<meta charset=utf-8 data-x='>' name="ac-discovery" hidden ${content} id=>`,
		"single quotes": `<meta name='ac-discovery' content='example.com/app ${template}'>`,
		"no quotes around the name": `<meta name=ac-discovery ${content}>`,
		"spaces around the equals signs": `<meta name = "ac-discovery"\n\tcontent\n=\n"example.com/app ${template}">`,
		"spaces, tabs and lines in the content": `<meta name=" ac-discovery " content="\n  example.com/app \t\n ${template}\n">`,
		entities: `<meta name="ac&#45;discovery" content="example.com&#x2F;app https:&#47;/example.com/{name}.{ext}">`,
		"no head and no body": `hello <b>there <meta name="ac-discovery" ${content}> you`,
		"in the body, after broken tags": `<html><body><p><div <span></p><meta name="ac-discovery" ${content}></table>`,
		"a tag that is never closed, at the end": `<html><meta name="ac-discovery" ${content}`,
		"a tag that is never closed, before another": `<html><meta name="ac-discovery" ${content} <p>`,
		"a byte order mark and noise": `\ufeff\0\ufffd< <<>&<1 </ <!x> <?php ?> <meta name="ac-discovery" ${content}>`,
		"no doctype but XML": `<?xml version="1.0"?><html xmlns="x"><head><meta name="ac-discovery" ${content}></meta></head></html>`,
		"a comment before, with tags in it": `<!-- <meta name="ac-discovery" content="a b"> --><meta name="ac-discovery" ${content}>`,
		"a script before, with tags in it": `<script>x = '<meta name="ac-discovery" content="a b">'</script ><meta name="ac-discovery" ${content}>`,
		"a name that is given twice": `<meta name="ac-discovery" name="other" ${content}>`,
		"others before": `<meta name="viewport" content="a b"><meta charset="x"><meta><meta name="ac-discovery"><meta name="ac-discovery" ${content}>`,
	};
	for (const [what, html] of Object.entries(good)) test(`are read from ${what}`, () => expect(readAcMeta(html)).toEqual(one));

	const none: Readonly<Record<string, string>> = {
		nothing: "",
		text: "not found",
		"one word": `<meta name="ac-discovery" content="example.com/app">`,
		"an empty content": `<meta name="ac-discovery" content="">`,
		"a comment": `<!-- <meta name="ac-discovery" ${content}> -->`,
		"a comment that never ends": `<!-- <meta name="ac-discovery" ${content}>`,
		"a style that never ends": `<style><meta name="ac-discovery" ${content}>`,
		"a text area": `<textarea><meta name="ac-discovery" ${content}></textarea>`,
		"other elements": `<metadata name="ac-discovery" ${content}><x-meta name="ac-discovery" ${content}>`,
		"a property": `<meta property="ac-discovery" ${content}>`,
		"the closing tag": `</meta name="ac-discovery" ${content}>`,
		"other names": `<meta name="xac-discovery" ${content}>`,
	};
	for (const [what, html] of Object.entries(none)) test(`are not read from ${what}`, () => expect(readAcMeta(html)).toEqual([]));

	test("keep their order and their kinds", () => {
		const html = `<meta name=ac-discovery content="a b"><meta name=ac-discovery-pubkeys content="a c"><meta name=ac-discovery content="a d e">`;
		expect(readAcMeta(html).map(({ name, template }) => `${name} ${template}`)).toEqual([
			"ac-discovery b",
			"ac-discovery-pubkeys c",
			"ac-discovery d e",
		]);
	});

	test("of hostile pages take linear time", () => {
		const size = 200_000;
		const startMs = performance.now();
		for (const unit of [
			"<",
			"<!--",
			"<meta ",
			"<meta a='",
			'<meta a="',
			"<meta a=",
			"<script>",
			"</script",
			"<script></script",
			"<meta a ",
			"<a =",
			"&#",
			"<meta name=ac-x content='&",
			" ",
			"<meta\t\t\t",
		]) {
			readAcMeta(unit.repeat(Math.ceil(size / unit.length)));
			readAcMeta(`<meta name="ac-x" content="${unit.repeat(Math.ceil(size / unit.length))}`);
			readAcMeta(`<meta name="ac-x" content='${unit.replaceAll("'", "").repeat(size / 4)}'>`);
		}
		// Minutes, where a pattern backtracks.
		expect(performance.now() - startMs).toBeLessThan(30_000);
		expect(readAcMeta('<meta name=ac-x content="a b">'.repeat(1000)).length).toBe(100);
	});
});
