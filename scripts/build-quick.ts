// Builds what the program `corten` runs: bundles src/quick/main.ts, compiles each chunk to QuickJS bytecode, and writes an assembler file
// that holds them all. Modules that need Bun, and what imports them statically, are replaced by a step over to corten-bun.
//
// build-quick.ts OUTPUT_FOLDER

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { Glob, Transpiler } from "bun";
import { compiler } from "./lib/quickjs.ts";

const top = resolve(import.meta.dir, "..");
const source = `${top}/src`;
const natives = { [`${source}/linux/native.ts`]: `${source}/quick/native.ts` };

/** What QuickJS and src/quick/globals.ts do not have, besides modules of Bun and Node. */
const bunWords =
	/\b(Bun\.|Buffer\b|navigator\b|crypto\.|console\.(log|error|warn|info|debug)\(|Intl\.|WeakRef\b|FinalizationRegistry\b|structuredClone\b|queueMicrotask\b|AbortSignal\b|require\()|\bnew (URL|Response|Request|ReadableStream|Worker|Proxy)\b|(?<![.\w])(fetch|setTimeout|setInterval|setImmediate|eval)\(|\.(normalize|localeCompare|toLocale\w+)\(|\bprocess\.(stdin|stdout|stderr|on|once|umask|hrtime|memoryUsage|getgroups)\b/;

type Module = { readonly imports: readonly string[]; readonly needsBun: boolean };

/** Every module of src/, with what it imports statically. */
function readModules(): Map<string, Module> {
	const transpiler = new Transpiler({ loader: "ts" });
	const modules = new Map<string, Module>();
	for (const name of new Glob("**/*.ts").scanSync(source)) {
		const path = `${source}/${name}`;
		if (/\.(test|fixture)\.ts$/.test(name) || path in natives) continue;
		const text = readFileSync(path, "utf8");
		const found = transpiler.scanImports(text);
		const imports = found.filter(({ kind, path }) => kind === "import-statement" && path.startsWith("."));
		modules.set(path, {
			imports: imports.map((one) => resolve(dirname(path), one.path)),
			needsBun: found.some(({ path }) => /^(node|bun):/.test(path)) || bunWords.test(transpiler.transformSync(text)),
		});
	}
	return modules;
}

/** Whether loading a module needs Bun: it does itself, or one that it imports. */
function needsBun(modules: ReadonlyMap<string, Module>, path: string, seen = new Set<string>()): boolean {
	const module = modules.get(path);
	if (module === undefined || seen.has(path)) return false;
	seen.add(path);
	return module.needsBun || module.imports.some((next) => needsBun(modules, next, seen));
}

/** The files that are the cause. */
function bunOf(modules: ReadonlyMap<string, Module>, path: string): string {
	const reached = new Set([path]);
	for (const at of reached) for (const next of modules.get(at)?.imports ?? []) reached.add(next);
	return [...reached].filter((at) => modules.get(at)?.needsBun).join(", ");
}

const modules = readModules();

/** The commands whose start is what corten is measured by. */
const quick = [
	"commands/run",
	"commands/exec",
	"commands/stop",
	"commands/kill",
	"commands/rm",
	"commands/logs",
	"commands/generator",
].concat(
	["create", "start", "run", "exec", "state", "kill", "delete", "pause", "update", "list"].map((name) => `runtime/commands/${name}`),
);
for (const name of quick) {
	if (needsBun(modules, `${source}/${name}.ts`))
		throw new Error(`src/${name}.ts needs Bun now, by ${bunOf(modules, `${source}/${name}.ts`)}`);
}

const built = await Bun.build({
	entrypoints: [`${source}/quick/main.ts`],
	target: "node",
	format: "esm",
	splitting: true,
	minify: true,
	naming: { entry: "[name].js", chunk: "[name]-[hash].js" },
	plugins: [
		{
			name: "quick",
			setup(build) {
				build.onResolve({ filter: /^\.\.?\// }, ({ path, importer, kind }) => {
					const wanted = resolve(dirname(importer), path);
					if (wanted in natives) return { path: natives[wanted] ?? wanted };
					if (!needsBun(modules, wanted)) return undefined;
					if (kind === "dynamic-import") return { path: wanted, namespace: "needs-bun" };
					throw new Error(`${importer} imports ${wanted} statically, which needs Bun: every start would`);
				});
				build.onLoad({ filter: /.*/, namespace: "needs-bun" }, () => ({
					contents: `import { becomeBun } from ${JSON.stringify(`${source}/quick/needs-bun.ts`)};\nbecomeBun();\nexport {};\n`,
					loader: "ts",
				}));
			},
		},
	],
});
if (!built.success) throw new AggregateError(built.logs);

const folder = resolve(process.argv[2] ?? `${top}/build/quick`);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const names = built.outputs.map((output) => basename(output.path));
for (const [at, output] of built.outputs.entries()) writeFileSync(`${folder}/${names[at]}`, await output.text());
const compiled = Bun.spawnSync([...compiler, ...names], { cwd: folder });
if (compiled.exitCode !== 0) throw new Error(`cannot compile: ${compiled.stderr}`);
const rows = names.map((_, at) => `\t.quad name${at}, code${at}, end${at} - code${at}\n`);
const texts = names.map(
	(name, at) => `name${at}:\t.asciz "${name}"\n\t.balign 16\ncode${at}:\t.incbin "${folder}/${name}.code"\nend${at}:\n`,
);
writeFileSync(
	`${folder}/chunks.S`,
	`\t.section .rodata\n\t.balign 16\n\t.globl chunks\nchunks:\n${rows.join("")}\t.quad 0, 0, 0\n${texts.join("")}\t.section .note.GNU-stack,"",@progbits\n`,
);
