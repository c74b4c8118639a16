// The transient scope of a container: asked of systemd with the first process in it, changed while it runs, stopped at its end.
// @see org.freedesktop.systemd1(5), systemd.scope(5)

import { CortenError, isError } from "../base/errors.ts";
import { sleep } from "../linux/sleep.ts";
import { runtimeFolder } from "./booted.ts";
import { type Bus, BusError, connectBus, type Target } from "./bus.ts";
import { flag, type Property, text } from "./properties.ts";
import type { Unit } from "./unit.ts";

/** systemd itself. */
export const manager: Target = {
	destination: "org.freedesktop.systemd1",
	path: "/org/freedesktop/systemd1",
	interface: "org.freedesktop.systemd1.Manager",
};
/** The message bus itself. */
export const broker: Target = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" };

/** Where systemd listens: the message bus, and its own socket, which is there also where no bus is installed. */
function addresses(user: boolean): { readonly bus: string; readonly own: string } {
	const { DBUS_SESSION_BUS_ADDRESS = "", DBUS_SYSTEM_BUS_ADDRESS = "" } = process.env;
	const pathOf = (address: string): string | undefined => /^unix:path=([^,;]+)/.exec(address)?.[1];
	if (!user) return { bus: pathOf(DBUS_SYSTEM_BUS_ADDRESS) ?? "/run/dbus/system_bus_socket", own: "/run/systemd/private" };
	const folder = runtimeFolder();
	return { bus: pathOf(DBUS_SESSION_BUS_ADDRESS) ?? `${folder}/bus`, own: `${folder}/systemd/private` };
}

/** systemd, ready for calls. */
export type Systemd = Disposable & {
	readonly bus: Bus;
	/** 252 of "252.39-1~deb12u1". */
	readonly version: number;
};

/**
 * Connects to the system's manager or to that of our user.
 * @throws `unavailable` when systemd does not run here, `permission-denied`
 */
export function connectSystemd(user: boolean): Systemd {
	const { bus: busPath, own } = addresses(user);
	let bus: Bus;
	try {
		bus = connectBus(busPath);
		bus.call(broker, "Hello");
		bus.call(broker, "AddMatch", "s", [`type='signal',interface='${manager.interface}',member='JobRemoved'`]);
	} catch (error) {
		if (!isError(error)) throw error;
		bus = connectOwn(own, error);
	}
	bus.call(manager, "Subscribe");
	const version = Number.parseInt(String(managerProperty(bus, "Version")).replace(/^v/, ""), 10);
	return { bus, version, [Symbol.dispose]: () => bus[Symbol.dispose]() };
}

function connectOwn(path: string, first: CortenError): Bus {
	try {
		return connectBus(path);
	} catch (error) {
		if (!isError(error)) throw error;
		throw new CortenError("unavailable", `cannot reach systemd: ${first.message}; ${error.message}`, {
			hint: "--systemd-cgroup needs a machine that systemd has booted",
		});
	}
}

function managerProperty(bus: Bus, name: string): unknown {
	const properties = { ...manager, interface: "org.freedesktop.DBus.Properties" };
	const [variant] = bus.call(properties, "Get", "ss", [manager.interface, name]);
	return (variant as { readonly value: unknown }).value;
}

/**
 * A property of a unit.
 * @param kind `Unit`, `Service`, ...
 * @throws `unavailable` with what systemd says
 */
export function unitProperty({ bus }: Systemd, name: string, kind: string, property: string): unknown {
	const [path] = bus.call(manager, "GetUnit", "s", [name]);
	const target = { ...manager, path: String(path), interface: "org.freedesktop.DBus.Properties" };
	const [variant] = bus.call(target, "Get", "ss", [`org.freedesktop.systemd1.${kind}`, property]);
	return (variant as { readonly value: unknown }).value;
}

/** The cgroup of the manager, below which its slices are: "" for that of a whole machine. */
export function controlGroup({ bus }: Systemd): string {
	return String(managerProperty(bus, "ControlGroup"));
}

/** What a scope begins with. */
export type ScopeRequest = {
	readonly unit: Pick<Unit, "name" | "slice">;
	readonly description: string;
	readonly pid: number;
	readonly version: 1 | 2;
	readonly properties: readonly Property[];
};

/**
 * Makes the scope around a process, and waits until it is there. Of a unit that has the name and ends just now the end is awaited.
 * @throws `unavailable` with what systemd says
 */
export function startScope(systemd: Systemd, { unit, description, pid, version, properties }: ScopeRequest): void {
	const all: Property[] = [
		text("Description", description),
		text("Slice", unit.slice),
		flag("Delegate", true),
		["PIDs", { signature: "au", value: [pid] }],
		// Or systemd would take the controllers away again when it next writes its tree.
		...["MemoryAccounting", "CPUAccounting", version === 1 ? "BlockIOAccounting" : "IOAccounting", "TasksAccounting"].map((name) =>
			flag(name, true),
		),
		flag("DefaultDependencies", false),
		...properties,
	];
	const start = (): readonly unknown[] =>
		systemd.bus.call(manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", [unit.name, "replace", all, []]);
	const job = startPatiently(systemd, unit.name, start);
	const result = waitForJob(systemd, job);
	if (result === "done") return;
	resetFailed(systemd, unit.name);
	throw new CortenError("unavailable", `cannot make unit "${unit.name}": systemd says "${result}"`);
}

/** A unit of that name may have failed, or have lost its last process a moment ago: then it goes by itself. */
function startPatiently(systemd: Systemd, name: string, start: () => readonly unknown[]): unknown {
	for (const deadline = performance.now() + 3000; ; sleep(20)) {
		try {
			return start()[0];
		} catch (error) {
			if (!(error instanceof BusError) || !error.errorName.endsWith("UnitExists") || performance.now() > deadline) throw error;
			resetFailed(systemd, name);
		}
	}
}

/** Waits for the end of a job. @returns `done`, `failed`, `canceled`... @throws `unavailable` after the time (30 s) */
export function waitForJob({ bus }: Systemd, job: unknown, timeoutMs?: number): string {
	const [, , , result] = bus.waitForSignal("JobRemoved", ([, path]) => path === job, timeoutMs);
	return String(result);
}

/** Lets systemd forget a failure. */
export function resetFailed({ bus }: Systemd, name: string): void {
	try {
		bus.call(manager, "ResetFailedUnit", "s", [name]);
	} catch (error) {
		if (!(error instanceof BusError)) throw error; // it has not failed, or is gone
	}
}

/** Changes properties of the running unit; they hold until it ends. @throws `unavailable` with what systemd says */
export function setProperties({ bus }: Systemd, name: string, properties: readonly Property[]): void {
	if (properties.length > 0) bus.call(manager, "SetUnitProperties", "sba(sv)", [name, true, properties]);
}

/** Moves a process into the unit's cgroup or one below it. @throws `unavailable` with what systemd says */
export function attachProcess({ bus }: Systemd, name: string, below: string, pid: number): void {
	bus.call(manager, "AttachProcessesToUnit", "ssau", [name, below, [pid]]);
}

/** Ends the unit with whoever is in it, and lets systemd forget it. One that is gone already is no error. */
export function stopUnit(systemd: Systemd, name: string): void {
	try {
		const [job] = systemd.bus.call(manager, "StopUnit", "ss", [name, "replace"]);
		waitForJob(systemd, job);
	} catch (error) {
		if (!(error instanceof BusError) || !error.errorName.endsWith("NoSuchUnit")) throw error;
	}
	resetFailed(systemd, name);
}

/** Has the manager read its units again, and call the generators before. @throws `unavailable` with what systemd says */
export function reloadManager({ bus }: Systemd): void {
	bus.call(manager, "Reload");
}
