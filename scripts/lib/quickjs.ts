// Where the pinned QuickJS lies: npm brings its library, its headers and its compiler for every platform.

const platform = process.arch === "arm64" ? "aarch64-unknown-linux-gnu" : "x86_64-unknown-linux-gnu";
const folder = new URL(`../../node_modules/@suchipi/quickjs/build/${platform}`, import.meta.url).pathname;

/** The command that takes the names of modules in the current folder and leaves `NAME.code` beside each. */
export const compiler: readonly string[] = [`${folder}/bin/quickjs-run`, new URL("to-bytecode.js", import.meta.url).pathname];
