// The other side of a created container's gate (launch/gate.c): connect, say go, and hear what still fails. A connection that closes
// without a word says that the program runs.

import { CortenError } from "../base/errors.ts";
import { AT_FDCWD, Fd, O_CLOEXEC, O_DIRECTORY, O_PATH, unlink } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
/** SAY_GO, with two unused words; see struct message in launch.h. */
const go = new Uint32Array([4, 0, 0]);
const EINTR = -4;

/** A socket's path holds 107 bytes; the folder's may be longer, so the way is through its descriptor. */
function socketAddress(folder: Fd): Uint8Array {
	const address = new Uint8Array(110);
	address[0] = AF_UNIX;
	address.set(cString(`/proc/self/fd/${folder.number}/start`), 2);
	return address;
}

/**
 * Starts the created container of this folder. The caller holds the folder's lock and has seen the gate.
 * @throws `system` with what launch says, when the program cannot run; the container is stopped then
 */
export function passGate(path: string, id: string): void {
	using folder = new Fd(check(syscall(nr.openat, AT_FDCWD, cString(path), O_PATH | O_DIRECTORY | O_CLOEXEC, 0), `cannot open "${path}"`));
	using socket = new Fd(check(syscall(nr.socket, AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC, 0), "cannot make a socket"));
	const address = socketAddress(folder);
	check(syscall(nr.connect, socket.number, address, address.length), `cannot start container "${id}": nobody waits at its gate`);
	// Before the word: a kill between the two leaves a container that has ended, not one that could be started twice.
	unlink(`${path}/start`);
	check(syscall(nr.write, socket.number, go, go.byteLength), `cannot start container "${id}"`);
	const said = hear(socket);
	if (said !== "") throw new CortenError("system", `cannot start container "${id}": ${said}`);
}

/** What launch says before the connection closes. */
function hear(socket: Fd): string {
	const message = new Uint8Array(4096);
	for (;;) {
		const length = syscall(nr.read, socket.number, message, message.length);
		if (length === EINTR) continue;
		// ECONNRESET: it closed with our word unread, which is at execve as well.
		return length > 0 ? new TextDecoder().decode(message.subarray(0, length)) : "";
	}
}
