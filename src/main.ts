// The one executable's programs, told apart by the name they are called by: `corten`, the OCI runtime `corten-runtime` (`runc` where it
// stands in for that), and systemd's `corten-generator`. Only this file exits, and each name loads its own program alone.

const name = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
const programs: Readonly<Record<string, () => Promise<{ main(args: readonly string[]): number | Promise<number> }>>> = {
	"corten-runtime": () => import("./runtime/main.ts"),
	runc: () => import("./runtime/main.ts"),
	"corten-generator": () => import("./commands/generator.ts"),
};
const { main } = (await (Object.hasOwn(programs, name) ? programs[name]?.() : undefined)) ?? (await import("./commands/main.ts"));
process.exit(await main(process.argv.slice(2)));

export {};
