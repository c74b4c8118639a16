// Run by QuickJS itself: compiles each named module of the current folder, `NAME` to `NAME.code`.

import * as Bytecode from "quickjs:bytecode";
import * as std from "quickjs:std";

const [, , ...names] = scriptArgs;
for (const encodedFileName of names) {
	// import() looks its module's name up in what stripping removes.
	const strip = /\bimport\(/.test(std.loadFile(encodedFileName)) ? "source" : "debug";
	const code = Bytecode.fromFile(encodedFileName, { sourceType: "module", strip, encodedFileName });
	const output = std.open(`${encodedFileName}.code`, "wb");
	output.write(code, 0, code.byteLength);
	output.close();
}
