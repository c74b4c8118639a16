// The template engine against what Go prints for the same template and data.

import { describe, expect, test } from "bun:test";
import { isError } from "../base/errors.ts";
import { parseTemplate, renderTemplate } from "./template.ts";

const data = {
	ID: "abc",
	Names: "web",
	Empty: "",
	Count: 3,
	Running: true,
	State: { Pid: 42, Status: "running", Error: null },
	Env: ["A=1", "B=2"],
	None: [],
	Labels: new Map([
		["b.c", "two"],
		["a", "one"],
	]),
	Mounts: [
		{ Source: "/x", RW: true },
		{ Source: "/y", RW: false },
	],
};
const render = (source: string) => renderTemplate(parseTemplate(source), data);

describe("what a template prints", () => {
	const cases: readonly (readonly [string, string])[] = [
		["plain } text", "plain } text"],
		["{{.ID}}\t{{.Names}}", "abc\tweb"],
		["{{ .State.Pid }}", "42"],
		["{{.Running}} {{.Env}} {{.Labels}}", "true [A=1 B=2] map[a:one b.c:two]"],
		["{{json .Env}}{{json .Labels}}{{json .State.Pid}}", '["A=1","B=2"]{"b.c":"two","a":"one"}42'],
		["{{.State | json}}", '{"Pid":42,"Status":"running","Error":null}'],
		['{{index .Labels "b.c"}} {{index .Env 1}} {{(index .Mounts 0).Source}}', "two B=2 /x"],
		['{{index .Labels "none"}} {{.State.Error}}', "<no value> <no value>"],
		["{{len .Env}} {{len .Names}} {{len .Labels}}", "2 3 2"],
		['{{join .Env ","}} {{upper .Names}} {{.Names | upper | lower}} {{title "ab cd"}}', "A=1,B=2 WEB web Ab Cd"],
		['{{println .ID 7}}|{{print "a" "b" 1 2}}', "abc 7\n|ab1 2"],
		['{{printf "%-5s|%5d|%q|%v%%" .Names 7 .ID .Env}}', 'web  |    7|"abc"|[A=1 B=2]%'],
		["{{if .Running}}up{{else}}down{{end}}", "up"],
		["{{if .Empty}}x{{else if .None}}y{{else}}z{{end}}", "z"],
		["{{if and .Running (eq .Count 3)}}both{{end}}", "both"],
		['{{if or .Empty (ne .ID "abc")}}x{{else}}neither{{end}}{{if not .Empty}}!{{end}}', "neither!"],
		["{{if gt .Count 2}}more{{end}}", "more"],
		["{{range .Mounts}}{{.Source}}{{if .RW}}(rw){{end}} {{end}}", "/x(rw) /y "],
		["{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a=one;b.c=two;"],
		["{{range $i, $e := .Env}}{{$i}}{{$e}} {{end}}", "0A=1 1B=2 "],
		["{{range .None}}x{{else}}none{{end}}", "none"],
		["{{range .Env}}{{$.ID}}{{.}} {{end}}", "abcA=1 abcB=2 "],
		["{{with .State}}{{.Status}}{{end}}", "running"],
		["{{$x := .Count}}{{$x}}", "3"],
		["{{/* nothing */}}a {{- .ID -}} b", "aabcb"],
		['{{"}}"}}{{`a`}}{{"\\t"}}', "}}a\t"],
		["{{slice .ID 1}}{{truncate .Names 2}}", "bcwe"],
		["{{split .ID `b` | json}}", '["a","c"]'],
	];
	for (const [source, wanted] of cases) test(source, () => expect(render(source)).toBe(wanted));
});

describe("what is wrong with a template is said", () => {
	const cases: readonly (readonly [string, string])[] = [
		["{{.Nmaes}}", "there is no field .Nmaes; there are Count, Empty, Env"],
		["{{.State.Pdi}}", "there is no field .Pdi; there are Error, Pid, Status"],
		["{{.ID.Foo}}", ".Foo is asked of a value without fields"],
		["{{.ID", '"{{" at 1 is not closed'],
		["{{if .ID}}x", "{{if}} without {{end}}"],
		["{{end}}", "{{end}} without its beginning"],
		["{{foo .ID}}", 'there is no function "foo"'],
		["{{index .Env 9}}", "index 9 is out of range"],
		["{{$y}}", "there is no variable $y"],
		["{{.ID | .Names}}", "what follows | must be a function"],
		["{{(.ID}}", '"(" is not closed'],
		["{{.ID ; 3}}", "is not understood"],
		["{{.constructor}}", "there is no field .constructor"],
	];
	for (const [source, wanted] of cases) {
		test(source, () => {
			let message = "";
			try {
				render(source);
			} catch (error) {
				if (isError(error, "invalid-argument")) message = error.message;
			}
			expect(message).toContain(wanted);
		});
	}
});
