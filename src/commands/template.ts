// --format's templates: the part of Go's text/template that people use with docker's ps, images and inspect. Fields, pipelines,
// if/else/range/with/end, variables, comparisons, and docker's functions. Data is plain JSON-like values; a Map has free keys (labels),
// an object has known fields, and a field it does not know is an error.
// @see https://pkg.go.dev/text/template

import { CortenError } from "../base/errors.ts";
import { callFunction, formatValue, isTrue } from "./template-functions.ts";

type Expression =
	| { readonly kind: "literal"; readonly value: unknown }
	| { readonly kind: "path"; readonly base: Expression | undefined; readonly fields: readonly string[] }
	| { readonly kind: "variable"; readonly name: string }
	| { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] };

type Node =
	| { readonly kind: "text"; readonly text: string }
	| { readonly kind: "print"; readonly value: Expression }
	| { readonly kind: "set"; readonly name: string; readonly value: Expression }
	| {
			readonly kind: "if" | "with" | "range";
			readonly variables: readonly string[];
			readonly value: Expression;
			readonly then: readonly Node[];
			readonly otherwise: readonly Node[];
	  };

/** A parsed template. */
export type Template = { readonly source: string; readonly nodes: readonly Node[] };

type Piece = { readonly kind: "text" | "action"; readonly text: string };
type Cursor<T> = { readonly items: readonly T[]; next: number; readonly source: string };

function mistake(source: string, why: string): CortenError {
	return new CortenError("invalid-argument", `cannot use template ${JSON.stringify(source)}: ${why}`, { at: "--format" });
}

/** Parses a template. @throws `invalid-argument` */
export function parseTemplate(source: string): Template {
	const cursor: Cursor<Piece> = { items: split(source), next: 0, source };
	const [nodes, end] = parseNodes(cursor);
	if (end !== undefined) throw mistake(source, `{{${end}}} without its beginning`);
	return { source, nodes };
}

/** Text and actions; `{{-` and `-}}` take the white space beside them away. */
function split(source: string): Piece[] {
	const pieces: Piece[] = [];
	let trim = false;
	for (let at = 0; at < source.length; ) {
		const open = source.indexOf("{{", at);
		let text = source.slice(at, open < 0 ? undefined : open);
		if (trim) text = text.trimStart();
		if (open >= 0 && /^-\s/.test(source.slice(open + 2, open + 4))) text = text.trimEnd();
		if (text !== "") pieces.push({ kind: "text", text });
		if (open < 0) break;
		const match = /^\{\{(?:-\s)?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!-?\}\})[\s\S])*?)(\s-)?\}\}/.exec(source.slice(open));
		if (match === null) throw mistake(source, `"{{" at ${open + 1} is not closed`);
		trim = match[2] !== undefined;
		const action = (match[1] ?? "").trim();
		if (!action.startsWith("/*")) pieces.push({ kind: "action", text: action });
		at = open + match[0].length;
	}
	return pieces;
}

/** @returns the nodes up to an `end` or `else`, and that word */
function parseNodes(cursor: Cursor<Piece>): [Node[], string | undefined] {
	const nodes: Node[] = [];
	for (;;) {
		const piece = cursor.items[cursor.next++];
		if (piece === undefined) return [nodes, undefined];
		if (piece.kind === "text") {
			nodes.push({ kind: "text", text: piece.text });
			continue;
		}
		const word = /^[a-z]*/.exec(piece.text)?.[0] ?? "";
		if (piece.text === "end" || word === "else") return [nodes, piece.text];
		if (word === "if" || word === "with" || word === "range") nodes.push(parseBlock(cursor, word, piece.text.slice(word.length)));
		else nodes.push(parseSimple(cursor.source, piece.text));
	}
}

function parseBlock(cursor: Cursor<Piece>, kind: "if" | "with" | "range", head: string): Node {
	const [variables, value] = parseHead(cursor.source, head);
	const [then, stop] = parseNodes(cursor);
	let otherwise: Node[] = [];
	if (stop?.startsWith("else ")) {
		const nested = /^else\s+(if|with)\b(.*)$/s.exec(stop);
		if (nested === null) throw mistake(cursor.source, `{{${stop}}} is not understood`);
		otherwise = [parseBlock(cursor, nested[1] as "if" | "with", nested[2] ?? "")];
	} else if (stop === "else") {
		const [nodes, end] = parseNodes(cursor);
		if (end !== "end") throw mistake(cursor.source, `{{${kind}}} without {{end}}`);
		otherwise = nodes;
	} else if (stop === undefined) throw mistake(cursor.source, `{{${kind}}} without {{end}}`);
	return { kind, variables, value, then, otherwise };
}

function parseSimple(source: string, text: string): Node {
	const [variables, value] = parseHead(source, text, true);
	const [name] = variables;
	return name === undefined ? { kind: "print", value } : { kind: "set", name, value };
}

/** `$k, $v := pipeline`, `$x := pipeline`, or a pipeline. */
function parseHead(source: string, text: string, assign = false): [string[], Expression] {
	const match = /^\s*((?:\$\w+\s*,\s*)?\$\w+)\s*(:?=)([\s\S]*)$/.exec(text);
	if (match === null || (match[2] === "=" && !assign)) return [[], parsePipeline(source, text)];
	return [(match[1] ?? "").split(",").map((name) => name.trim().slice(1)), parsePipeline(source, match[3] ?? "")];
}

const token = /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)'|\$\w*(?:\.\w+)*|(?:\.\w+)+|\.|[()|]|[+-]?\d+(?:\.\d+)?|[A-Za-z_]\w*)/y;

function parsePipeline(source: string, text: string): Expression {
	const tokens: string[] = [];
	const trimmed = text.trimEnd();
	token.lastIndex = 0;
	while (token.lastIndex < trimmed.length) {
		const at = token.lastIndex;
		const match = token.exec(trimmed);
		if (match === null) throw mistake(source, `${JSON.stringify(trimmed.slice(at).trim())} is not understood`);
		tokens.push(match[1] ?? "");
	}
	const cursor: Cursor<string> = { items: tokens, next: 0, source };
	const expression = pipeline(cursor);
	if (cursor.next < tokens.length) throw mistake(source, `unexpected ${JSON.stringify(tokens[cursor.next])}`);
	return expression;
}

function pipeline(cursor: Cursor<string>): Expression {
	let value = operation(cursor, undefined);
	while (cursor.items[cursor.next] === "|") {
		cursor.next++;
		value = operation(cursor, value);
	}
	return value;
}

/** A function and its arguments, or one value; a value from the pipe is the last argument. */
function operation(cursor: Cursor<string>, piped: Expression | undefined): Expression {
	const word = cursor.items[cursor.next];
	if (word !== undefined && /^[A-Za-z_]/.test(word) && !/^(true|false|nil)$/.test(word)) {
		cursor.next++;
		const args: Expression[] = [];
		for (let next = cursor.items[cursor.next]; next !== undefined && next !== "|" && next !== ")"; next = cursor.items[cursor.next]) {
			args.push(operand(cursor));
		}
		return { kind: "call", name: word, args: piped === undefined ? args : [...args, piped] };
	}
	if (piped !== undefined) throw mistake(cursor.source, "what follows | must be a function");
	return operand(cursor);
}

function operand(cursor: Cursor<string>): Expression {
	const word = cursor.items[cursor.next++];
	if (word === undefined) throw mistake(cursor.source, "a value is missing");
	if (word === "(") {
		const inner = pipeline(cursor);
		if (cursor.items[cursor.next++] !== ")") throw mistake(cursor.source, '"(" is not closed');
		const after = cursor.items[cursor.next];
		if (after === undefined || !/^\.\w/.test(after)) return inner;
		cursor.next++;
		return { kind: "path", base: inner, fields: after.slice(1).split(".") };
	}
	if (word === ".") return { kind: "path", base: undefined, fields: [] };
	if (word.startsWith(".")) return { kind: "path", base: undefined, fields: word.slice(1).split(".") };
	if (word.startsWith("$")) {
		const [name = "", ...fields] = word.slice(1).split(".");
		const variable: Expression = { kind: "variable", name };
		return fields.length === 0 ? variable : { kind: "path", base: variable, fields };
	}
	if (word === "true" || word === "false") return { kind: "literal", value: word === "true" };
	if (word === "nil") return { kind: "literal", value: null };
	if (word.startsWith("`")) return { kind: "literal", value: word.slice(1, -1) };
	if (word.startsWith('"')) return { kind: "literal", value: unquote(word) };
	if (/^[+-]?\d/.test(word)) return { kind: "literal", value: Number(word) };
	if (/^[A-Za-z_]/.test(word)) return { kind: "call", name: word, args: [] };
	throw mistake(cursor.source, `unexpected ${JSON.stringify(word)}`);
}

/** Go's escapes of a quoted string that people type: \n \t \r \\ \" and \xNN. */
function unquote(word: string): string {
	const simple: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };
	return word
		.slice(1, -1)
		.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)/g, (_, code: string) =>
			code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (simple[code] ?? code),
		);
}

type Scope = { readonly source: string; readonly variables: Map<string, unknown> };

/**
 * Fills in a template.
 * @param data objects, arrays, Maps and scalars
 * @throws `invalid-argument` for an unknown field or function, or an argument a function cannot take
 */
export function renderTemplate(template: Template, data: unknown): string {
	return renderNodes(template.nodes, data, { source: template.source, variables: new Map([["", data]]) });
}

function renderNodes(nodes: readonly Node[], dot: unknown, scope: Scope): string {
	let output = "";
	for (const node of nodes) output += renderNode(node, dot, scope);
	return output;
}

function renderNode(node: Node, dot: unknown, scope: Scope): string {
	if (node.kind === "text") return node.text;
	const value = evaluate(node.value, dot, scope);
	if (node.kind === "print") return formatValue(value);
	if (node.kind === "set") {
		scope.variables.set(node.name, value);
		return "";
	}
	if (node.kind === "range") return renderRange(node, value, dot, scope);
	if (!isTrue(value)) return renderNodes(node.otherwise, dot, scope);
	const inner = bind(scope, node.variables, [value]);
	return renderNodes(node.then, node.kind === "with" ? value : dot, inner);
}

function renderRange(node: Extract<Node, { kind: "range" | "if" | "with" }>, value: unknown, dot: unknown, scope: Scope): string {
	const pairs: [unknown, unknown][] = Array.isArray(value)
		? [...value.entries()]
		: value instanceof Map
			? [...value.entries()]
			: typeof value === "object" && value !== null
				? Object.entries(value)
				: [];
	if (!Array.isArray(value)) pairs.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
	if (pairs.length === 0) return renderNodes(node.otherwise, dot, scope);
	const values = (pair: [unknown, unknown]) => (node.variables.length === 1 ? [pair[1]] : pair);
	return pairs.map((pair) => renderNodes(node.then, pair[1], bind(scope, node.variables, values(pair)))).join("");
}

function bind(scope: Scope, names: readonly string[], values: readonly unknown[]): Scope {
	return { source: scope.source, variables: new Map([...scope.variables, ...names.map((name, index) => [name, values[index]] as const)]) };
}

function evaluate(expression: Expression, dot: unknown, scope: Scope): unknown {
	switch (expression.kind) {
		case "literal":
			return expression.value;
		case "variable":
			if (!scope.variables.has(expression.name)) throw mistake(scope.source, `there is no variable $${expression.name}`);
			return scope.variables.get(expression.name);
		case "path": {
			let value = expression.base === undefined ? dot : evaluate(expression.base, dot, scope);
			for (const field of expression.fields) value = fieldOf(value, field, scope.source);
			return value;
		}
		case "call":
			try {
				return callFunction(
					expression.name,
					expression.args.map((arg) => evaluate(arg, dot, scope)),
				);
			} catch (error) {
				throw error instanceof CortenError ? error : mistake(scope.source, error instanceof Error ? error.message : String(error));
			}
	}
}

function fieldOf(value: unknown, field: string, source: string): unknown {
	if (value === null || value === undefined) return undefined;
	if (value instanceof Map) return value.get(field);
	if (typeof value !== "object" || Array.isArray(value)) {
		throw mistake(source, `.${field} is asked of a value without fields (${formatValue(value).slice(0, 40)})`);
	}
	if (!Object.hasOwn(value, field)) throw mistake(source, `there is no field .${field}; there are ${Object.keys(value).sort().join(", ")}`);
	return (value as Readonly<Record<string, unknown>>)[field];
}
