// The one executable's two programs, told apart by the name they are called by: `corten`, and the OCI runtime `corten-runtime` (`runc`
// where it stands in for that). Only this file exits, and each name loads its own program alone.

const name = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
const isRuntime = name === "corten-runtime" || name === "runc";
const { main } = isRuntime ? await import("./runtime/main.ts") : await import("./commands/main.ts");
process.exit(await main(process.argv.slice(2)));

export {};
