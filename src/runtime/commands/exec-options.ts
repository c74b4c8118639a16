// The options of exec. @see runc-exec(8)

/** Each changes one thing of the container's own process; --process replaces it. */
export const execOptions = {
	"console-socket": { kind: "value", metavar: "PATH", help: "unix socket that gets the terminal" },
	"pidfd-socket": { kind: "value", metavar: "PATH", help: "unix socket that gets the pidfd of the process" },
	cwd: { kind: "value", metavar: "DIR", help: "working directory in the container" },
	env: { kind: "list", short: "e", metavar: "NAME=VALUE", help: "set an environment variable" },
	tty: { kind: "flag", short: "t", help: "give the process a terminal" },
	user: { kind: "value", short: "u", metavar: "UID[:GID]", help: "run as this user" },
	"additional-gids": { kind: "list", short: "g", metavar: "GID", help: "a further group" },
	process: { kind: "value", short: "p", metavar: "FILE", help: "a file with the process object of config.json" },
	detach: { kind: "flag", short: "d", help: "do not wait for its end" },
	"pid-file": { kind: "value", metavar: "FILE", help: "file that gets the pid" },
	"process-label": { kind: "value", metavar: "LABEL", help: "SELinux label" },
	apparmor: { kind: "value", metavar: "PROFILE", help: "AppArmor profile" },
	"no-new-privs": { kind: "flag", help: "set no_new_privs" },
	cap: { kind: "list", short: "c", metavar: "CAPABILITY", help: "add a capability" },
	"preserve-fds": { kind: "value", metavar: "N", help: "pass N descriptors from 3 up (and those of LISTEN_FDS)" },
	cgroup: { kind: "value", metavar: "PATH", help: "a cgroup below the container's" },
	"ignore-paused": { kind: "flag", help: "exec in a paused container as well" },
	"no-subreaper": { kind: "flag", help: "accepted; nothing is reaped that is not ours" },
} as const;
