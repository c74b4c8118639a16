// How a container's health is checked, once everything has been decided; the container's record has it.

/** What is done when a container is unhealthy. */
export const healthActions = ["none", "kill", "stop", "restart"] as const;
/** One of {@link healthActions}. */
export type HealthAction = (typeof healthActions)[number];

/** docker's Healthcheck, with nothing left open. */
export type HealthCheck = {
	/** The program and its arguments. */
	readonly args: readonly string[];
	/** As an image config spells it: CMD or CMD-SHELL, and words. */
	readonly test: readonly string[];
	/** Between the end of a probe and the next one; 0: nobody asks by itself. */
	readonly intervalMs: number;
	readonly timeoutMs: number;
	/** So long after the start failures do not count, until the first success. */
	readonly startPeriodMs: number;
	/** In place of the interval during the start period. */
	readonly startIntervalMs: number;
	/** Failures one after the other that make a container unhealthy; of a startup check: those after which it is restarted, 0 for never. */
	readonly retries: number;
	readonly onFailure: HealthAction;
	/** What is asked first, until it has succeeded often enough; podman's. */
	readonly startup?: StartupCheck;
};

/** A check of a container that is starting. */
export type StartupCheck = Pick<HealthCheck, "args" | "test" | "intervalMs" | "timeoutMs" | "retries"> & {
	/** So many successes end it. */
	readonly successes: number;
};

/** The Healthcheck of an image config: times are nanoseconds, 0 and absence mean the usual. @see image-spec config.md, docker's image spec v1.2 */
export type ImageHealthcheck = {
	/** `["NONE"]`, `["CMD", ...]`, `["CMD-SHELL", text]`; empty: inherited. */
	readonly test: readonly string[];
	readonly interval: number;
	readonly timeout: number;
	readonly startPeriod: number;
	readonly startInterval: number;
	readonly retries: number;
};
