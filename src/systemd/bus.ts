// A connection to a message bus or to systemd itself, over a unix socket: one call after the other, and signals in between. No library:
// docs/decisions/0012. @see D-Bus Specification, "Authentication Protocol" and "Message Protocol"

import { CortenError } from "../base/errors.ts";
import { Fd, O_CLOEXEC, readText } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";
import { Reader, type Variant, Writer } from "./marshal.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const POLLIN = 1;
const timeoutMs = 30_000;

const types = { call: 1, reply: 2, error: 3, signal: 4 } as const;
/** Numbers of header fields. */
const fields = { path: 1, interface: 2, member: 3, errorName: 4, replySerial: 5, destination: 6, signature: 8 } as const;

/** What has arrived. */
export type Message = {
	readonly type: number;
	readonly member: string;
	readonly errorName: string;
	readonly replySerial: number;
	readonly body: readonly unknown[];
};

/** Who is called. */
export type Target = { readonly destination: string; readonly path: string; readonly interface: string };

/** systemd refuses a call: `name` is its error's. */
export class BusError extends CortenError {
	readonly errorName: string;
	constructor(errorName: string, message: string) {
		super(errorName.endsWith("AccessDenied") || errorName.endsWith("AuthFailed") ? "permission-denied" : "unavailable", message);
		this.errorName = errorName;
	}
}

/** An open connection. */
export class Bus implements Disposable {
	private readonly fd: Fd;
	private received = new Uint8Array(0);
	private readonly signals: Message[] = [];
	private serial = 0;

	/** Takes ownership of a connected socket. */
	constructor(fd: Fd) {
		this.fd = fd;
	}

	/** Calls a method and waits for its answer. @throws {@link BusError}; `unavailable` when there is none within 30 s */
	call(target: Target, member: string, signature = "", values: readonly unknown[] = []): readonly unknown[] {
		const serial = ++this.serial;
		this.send(encodeCall(serial, target, member, signature, values));
		const deadline = performance.now() + timeoutMs;
		for (;;) {
			const message = this.receive(deadline);
			if (message.type === types.signal) this.signals.push(message);
			if (message.replySerial !== serial) continue;
			if (message.type === types.reply) return message.body;
			if (message.type === types.error)
				throw new BusError(message.errorName, `cannot call "${member}" of systemd: ${message.errorName}: ${String(message.body[0] ?? "")}`);
		}
	}

	/** Waits for a signal, also one that came during a call. @throws `unavailable` after the time (30 s) */
	waitForSignal(member: string, fits: (body: readonly unknown[]) => boolean, waitMs = timeoutMs): readonly unknown[] {
		const deadline = performance.now() + waitMs;
		for (;;) {
			const message = this.signals.shift() ?? this.receive(deadline);
			if (message.type === types.signal && message.member === member && fits(message.body)) return message.body;
		}
	}

	/** A line of the authentication, before the first message. */
	readLine(): string {
		const deadline = performance.now() + timeoutMs;
		for (;;) {
			const end = this.received.indexOf(10);
			if (end >= 0) {
				const line = new TextDecoder().decode(this.received.subarray(0, end)).trim();
				this.received = this.received.slice(end + 1);
				return line;
			}
			this.fill(deadline);
		}
	}

	/** Writes all of it. */
	send(data: Uint8Array): void {
		for (let done = 0; done < data.length; )
			done += check(syscall(nr.write, this.fd.number, data.subarray(done), data.length - done), "cannot write to the message bus");
	}

	private receive(deadline: number): Message {
		for (;;) {
			const length = messageLength(this.received);
			if (length !== undefined && this.received.length >= length) {
				const message = decodeMessage(this.received.slice(0, length));
				this.received = this.received.slice(length);
				return message;
			}
			this.fill(deadline);
		}
	}

	private fill(deadline: number): void {
		const leftMs = Math.max(0, deadline - performance.now());
		const polled = new Int32Array([this.fd.number, POLLIN]);
		const time = new BigInt64Array([BigInt(Math.floor(leftMs / 1000)), BigInt(Math.floor((leftMs % 1000) * 1e6))]);
		if (syscall(nr.ppoll, polled, 1, time, null, 8) === 0)
			throw new CortenError("unavailable", "cannot talk to systemd: no answer in time");
		const buffer = new Uint8Array(64 << 10);
		const length = syscall(nr.read, this.fd.number, buffer, buffer.length);
		if (length === -4) return;
		if (check(length, "cannot read from the message bus") === 0)
			throw new CortenError("unavailable", "cannot talk to systemd: it closed the connection");
		const joined = new Uint8Array(this.received.length + length);
		joined.set(this.received);
		joined.set(buffer.subarray(0, length), this.received.length);
		this.received = joined;
	}

	[Symbol.dispose](): void {
		this.fd[Symbol.dispose]();
	}
}

function encodeCall(serial: number, target: Target, member: string, signature: string, values: readonly unknown[]): Uint8Array {
	const body = new Writer();
	body.values(signature, values);
	const message = new Writer();
	message.values("yyyyuu", [0x6c, types.call, 0, 1, body.length, serial]); // 0x6c: little-endian
	const field = (code: number, type: string, value: string): [number, Variant] => [code, { signature: type, value }];
	message.value("a(yv)", [
		field(fields.path, "o", target.path),
		field(fields.destination, "s", target.destination),
		field(fields.interface, "s", target.interface),
		field(fields.member, "s", member),
		...(signature === "" ? [] : [field(fields.signature, "g", signature)]),
	]);
	message.align(8);
	const bytes = new Uint8Array(message.length + body.length);
	bytes.set(message.bytes.subarray(0, message.length));
	bytes.set(body.bytes.subarray(0, body.length), message.length);
	return bytes;
}

/** @returns undefined while the first 16 bytes are not all there */
function messageLength(bytes: Uint8Array): number | undefined {
	if (bytes.length < 16) return undefined;
	if (bytes[0] !== 0x6c) throw new CortenError("unavailable", "cannot talk to systemd: it answers in another byte order");
	const view = new DataView(bytes.buffer, bytes.byteOffset);
	const header = Math.ceil((16 + view.getUint32(12, true)) / 8) * 8;
	return header + view.getUint32(4, true);
}

function decodeMessage(bytes: Uint8Array): Message {
	const reader = new Reader(bytes);
	const [, type] = reader.values("yyyyuu") as number[];
	const found = new Map((reader.value("a(yv)") as [number, Variant][]).map(([code, { value }]) => [code, value]));
	reader.align(8);
	const signature = String(found.get(fields.signature) ?? "");
	return {
		type: type ?? 0,
		member: String(found.get(fields.member) ?? ""),
		errorName: String(found.get(fields.errorName) ?? ""),
		replySerial: Number(found.get(fields.replySerial) ?? 0),
		body: reader.values(signature),
	};
}

/** Our user as the other side sees it: inside a user namespace that is another one. */
function outerUid(): number {
	const uid = process.geteuid?.() ?? 0;
	for (const line of readText("/proc/self/uid_map").split("\n")) {
		const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
		if (uid >= inside && uid < inside + count) return outside + uid - inside;
	}
	return uid;
}

/**
 * Connects to a unix socket and authenticates as our user.
 * @throws `not-found` and its kin when nobody listens; `permission-denied`
 */
export function connectBus(path: string): Bus {
	const fd = new Fd(check(syscall(nr.socket, AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0), "cannot make a socket"));
	const name = cString(path);
	const address = new Uint8Array(2 + name.length);
	address[0] = AF_UNIX;
	address.set(name, 2);
	const bus = new Bus(fd);
	try {
		check(syscall(nr.connect, fd.number, address, address.length), `cannot connect to "${path}"`);
		const hex = [...String(outerUid())].map((digit) => digit.charCodeAt(0).toString(16)).join("");
		bus.send(new TextEncoder().encode(`\0AUTH EXTERNAL ${hex}\r\n`));
		const answer = bus.readLine();
		if (!answer.startsWith("OK ")) throw new CortenError("permission-denied", `cannot log in at "${path}": ${answer}`);
		bus.send(new TextEncoder().encode("BEGIN\r\n"));
		return bus;
	} catch (error) {
		bus[Symbol.dispose]();
		throw error;
	}
}
