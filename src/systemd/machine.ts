// systemd-machined knows a container that wants it: `machinectl list`, `loginctl`, `journalctl -M`. It forgets it when its unit ends.
// @see org.freedesktop.machine1(5) RegisterMachine

import { type Bus, connectBus, type Target } from "./bus.ts";
import { broker } from "./scope.ts";

const machined: Target = {
	destination: "org.freedesktop.machine1",
	path: "/org/freedesktop/machine1",
	interface: "org.freedesktop.machine1.Manager",
};

/**
 * Registers a container by its first process.
 * @throws `unavailable` when machined is not there or refuses: another machine has the name
 */
export function registerMachine(container: { readonly id: string; readonly name: string }, pid: number): void {
	using bus = connectMachined();
	const id = [...Uint8Array.fromHex(container.id.slice(0, 32))];
	bus.call(machined, "RegisterMachine", "sayssus", [machineName(container.name), id, "corten", "container", pid, ""]);
}

/** Has machined forget it: it would otherwise hold the name until the unit is gone, and a restart does not end a unit. @throws as {@link registerMachine} */
export function unregisterMachine(container: { readonly name: string }): void {
	using bus = connectMachined();
	bus.call(machined, "UnregisterMachine", "s", [machineName(container.name)]);
}

function connectMachined(): Bus {
	const bus = connectBus("/run/dbus/system_bus_socket");
	try {
		bus.call(broker, "Hello");
		return bus;
	} catch (error) {
		bus[Symbol.dispose]();
		throw error;
	}
}

/** A machine's name is a host name: letters, digits, - and ., at most 64. */
export function machineName(name: string): string {
	return name
		.replace(/[^A-Za-z0-9.-]/g, "-")
		.replace(/\.{2,}/g, ".")
		.replace(/^[-.]+|[-.]+$/g, "")
		.slice(0, 64);
}
