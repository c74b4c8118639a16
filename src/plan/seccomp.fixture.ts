// A filter without a kernel: the interpreter that tests run compiled filters on.

/** Runs a classic BPF program over struct seccomp_data, as the kernel does. @returns a SECCOMP_RET_* value */
export function runFilter(program: Uint8Array, audit: number, number: number, args: readonly bigint[]): number {
	const data = new DataView(new ArrayBuffer(64));
	data.setUint32(0, number, true);
	data.setUint32(4, audit, true);
	for (const [index, arg] of args.entries()) data.setBigUint64(16 + index * 8, arg, true);
	const view = new DataView(program.buffer, program.byteOffset, program.length);
	let accumulator = 0;
	for (let at = 0; at < program.length; at += 8) {
		const k = view.getUint32(at + 4, true);
		const jump = (condition: boolean): void => {
			at += 8 * view.getUint8(at + (condition ? 2 : 3));
		};
		switch (view.getUint16(at, true)) {
			case 0x20:
				accumulator = data.getUint32(k, true);
				break;
			case 0x54:
				accumulator = (accumulator & k) >>> 0;
				break;
			case 0x05:
				at += 8 * k;
				break;
			case 0x45:
				jump((accumulator & k) !== 0);
				break;
			case 0x15:
				jump(accumulator === k);
				break;
			case 0x25:
				jump(accumulator > k);
				break;
			case 0x35:
				jump(accumulator >= k);
				break;
			case 0x06:
				return k;
			default:
				throw new Error("bad instruction");
		}
	}
	throw new Error("ran off the end");
}
