// A unit is its container: `corten run` as the ExecStart= of services of every type, under a real systemd 252 (hybrid cgroups).

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { testWhen } from "../support/skip.ts";
import { bootLimitMs, bootUnits, noGuest, payload, type Units } from "./units.ts";

const inGuest = testWhen(noGuest === undefined, noGuest ?? "");
let units: Units;

beforeAll(async () => {
	if (noGuest === undefined) units = await bootUnits();
}, bootLimitMs);
afterAll(() => units?.[Symbol.asyncDispose]());

const lines = async (script: string) => (await units.sh(script)).split("\n");

describe("Type=notify and nothing else", () => {
	inGuest("the payload is the main process, alone in the unit's cgroup; nothing of corten stays", async () => {
		await units.service("plain", { lines: ["Type=notify"], command: `${payload} hang` });
		const seen = await lines(`systemctl start plain
			show plain ActiveState SubState
			cat /proc/$(pid plain)/comm; members plain; awk '/PPid/ {print $2}' /proc/$(pid plain)/status
			ps -eo comm= | grep -c corten || true
			corten ps --format '{{.Image}} {{.State}}'; corten exec $(corten ps -q) cat /proc/1/comm
			systemctl stop plain || true; corten ps -aq; ls /var/lib/corten/containers; echo end`);
		expect(seen).toEqual(["active", "running", "payload", "payload", "1", "0", "busybox running", "payload", "end"]);
	});

	inGuest("systemd found nothing to complain about", async () => {
		expect(await units.sh("journalctl -q --no-pager -o cat _PID=1 | grep -iE 'not our child|refusing|Extra|notif' || true")).toBe("");
	});

	for (const [command, result, code, status] of [
		["exit:0", "success", "1", "0"],
		["exit:7", "exit-code", "1", "7"],
		["raise:6", "signal", "2", "6"],
		["raise:9", "signal", "2", "9"],
	] as const) {
		// As the first process of a PID namespace a payload dies of no signal that it sends itself.
		const options = command.startsWith("raise") ? "--rm --pid host" : "--rm";
		inGuest(`${command}: the unit's Result is ${result}, also of a payload that ends at once`, async () => {
			await units.service("brief", { lines: ["Type=notify", "RemainAfterExit=yes"], options, command: `${payload} ${command}` });
			const seen = await lines(`systemctl start brief || true
				until_ '[ "$(show brief SubState)" != running ]'; show brief Result ExecMainCode ExecMainStatus; systemctl stop brief || true; systemctl reset-failed`);
			expect(seen).toEqual([result, code, status]);
		});
	}

	inGuest("a command that is not there fails the start job with 127, an image that is not there with 125", async () => {
		await units.service("absent", { lines: ["Type=notify"], command: "/no/such" });
		await units.service("noimage", { lines: ["Type=notify"], options: "--pull never no-such-image #", command: "" });
		const seen = await lines(`systemctl start absent && echo started; show absent Result ExecMainStatus
			systemctl start noimage && echo started; show noimage Result ExecMainStatus; until_ 'log absent | grep -q execute'; log absent | tail -1
			systemctl reset-failed; corten ps -aq; echo end`);
		expect(seen.slice(0, 4)).toEqual(["exit-code", "127", "exit-code", "125"]);
		expect(seen.at(-2)).toContain('cannot execute "/no/such"');
		expect(seen.at(-1)).toBe("end");
	});

	inGuest("Restart=, SuccessExitStatus=, ExecReload= and TimeoutStopSec= are as for any daemon", async () => {
		await units.service("daemon", {
			lines: [
				"Type=notify",
				"Restart=always",
				"RestartSec=50ms",
				"SuccessExitStatus=143",
				"ExecReload=kill -HUP $MAINPID",
				"TimeoutStopSec=1",
			],
			command: `${payload} on:1 deaf echo:listens wait hang`,
		});
		// It is started once it is executed, which is before it has said anything.
		const seen = await lines(`systemctl start daemon; first=$(pid daemon); until_ '[ $(log daemon | grep -c listens) = 1 ]'
			kill -9 $first; until_ '[ "$(show daemon NRestarts ActiveState | xargs)" = "1 active" ]'; [ $(pid daemon) != $first ] && echo another
			until_ '[ $(log daemon | grep -c listens) = 2 ]'
			systemctl reload daemon; until_ 'log daemon | grep -q "got 1"'; echo reloaded
			systemctl stop daemon || true; show daemon ActiveState Result`);
		expect(seen).toEqual(["another", "reloaded", "failed", "timeout"]); // the payload hears no SIGTERM, so SIGKILL came in time
	});

	inGuest("a name is free again with each start, and --replace takes it from a container that was kept", async () => {
		await units.service("named", { lines: ["Type=notify"], options: "--rm --name fixed", command: `${payload} hang` });
		await units.service("kept", { lines: ["Type=notify"], options: "--name kept --replace", command: `${payload} echo:here hang` });
		const seen =
			await lines(`for i in 1 2 3; do systemctl restart named; done; corten ps -a --format '{{.Names}} {{.State}}'; systemctl stop named
			for i in 1 2; do systemctl restart kept; done; systemctl stop kept; corten ps -a --format '{{.Names}} {{.State}}'; corten rm kept`);
		expect(seen).toEqual(["fixed running", "kept exited", "kept"]);
	});
});

describe("other types", () => {
	inGuest("simple: launch stays as the main process, passes signals on and ends as the payload does", async () => {
		await units.service("simple", { lines: ["Type=simple", "KillMode=mixed"], command: `${payload} on:10 echo:up wait exit:5` });
		await units.service("killed", { options: "--rm --pid host", command: `${payload} raise:6` });
		const seen = await lines(`systemctl start simple; until_ 'log simple | grep -q up'; cat /proc/$(pid simple)/comm
			awk '/^Pss:/ {print ($2 <= 150) ? "small" : $2}' /proc/$(pid simple)/smaps_rollup
			systemctl kill --kill-who=main -s USR1 simple; until_ '[ "$(show simple ActiveState)" = failed ]'; show simple ExecMainCode ExecMainStatus
			systemctl start killed; until_ '[ "$(show killed ActiveState)" = failed ]'; show killed Result ExecMainCode ExecMainStatus; systemctl reset-failed`);
		expect(seen).toEqual(["corten-launch", "small", "1", "5", "signal", "2", "6"]);
	});

	inGuest("exec, oneshot", async () => {
		await units.service("exec", { lines: ["Type=exec"], command: `${payload} hang` });
		await units.service("once", { lines: ["Type=oneshot", "RemainAfterExit=yes"], command: `${payload} echo:done` });
		const seen = await lines(
			`systemctl start exec once; show exec ActiveState; show once ActiveState SubState; until_ 'log once | grep -q done'; log once | tail -1; systemctl stop exec once || true`,
		);
		expect(seen).toEqual(["active", "active", "exited", "done"]);
	});

	inGuest("forking: -d leaves the payload to the unit, --pidfile names it", async () => {
		const options = "-d --rm --pidfile /run/forked.pid";
		await units.service("forked", { lines: ["Type=forking", "PIDFile=/run/forked.pid"], options, command: `${payload} hang` });
		const seen = await lines(`systemctl start forked; show forked ActiveState; cat /proc/$(pid forked)/comm; members forked
			systemctl kill -s KILL forked; until_ '[ "$(show forked ActiveState)" = failed ]'; show forked Result; systemctl reset-failed forked; corten ps -aq`);
		expect(seen).toEqual(["active", "payload", "payload", "signal"]);
	});
});

describe("messages of the payload", () => {
	inGuest("--sdnotify=container: the unit is ready when the payload says so; STATUS, ERRNO, EXTEND_TIMEOUT_USEC, BARRIER", async () => {
		const options = "--rm --sdnotify container";
		const words = [
			"on:10",
			"send:EXTEND_TIMEOUT_USEC=20000000",
			"send:STATUS=warming",
			"wait",
			"send:READY=1\\\\nSTATUS=serving",
			"barrier",
		];
		const command = `${payload} ${words.map((word) => `"${word}"`).join(" ")} wait send:ERRNO=5 send:STOPPING=1 barrier exit:1`;
		await units.service("talks", { lines: ["Type=notify", "TimeoutStartSec=30"], options, command });
		const seen = await lines(`systemctl start --no-block talks; until_ '[ "$(show talks StatusText)" = warming ]'; show talks ActiveState
			kill -USR1 $(pid talks); until_ '[ "$(show talks ActiveState)" = active ]'; show talks StatusText; until_ 'log talks | grep -q "barrier passed"'
			kill -USR1 $(pid talks); until_ '[ "$(show talks ActiveState)" = failed ]'; show talks StatusErrno Result; systemctl reset-failed talks`);
		expect(seen).toEqual(["activating", "serving", "5", "exit-code"]);
	});

	inGuest("conmon, the default, shows the payload no socket; ignore sends nothing and stays", async () => {
		await units.service("mute", { lines: ["Type=notify"], command: `${payload} send:READY=1 hang` });
		await units.service("ignored", {
			lines: ["Type=simple", "NotifyAccess=all"],
			options: "--rm --sdnotify ignore",
			command: `${payload} hang`,
		});
		const seen = await lines(
			`systemctl start mute ignored; until_ 'log mute | grep -q NOTIFY'; log mute | tail -1; cat /proc/$(pid ignored)/comm; systemctl kill -s KILL mute ignored; systemctl stop mute ignored || true; systemctl reset-failed`,
		);
		expect(seen).toEqual(["no NOTIFY_SOCKET", "corten-launch"]);
	});

	// As the first process of a PID namespace the payload does not die of SIGABRT, the manager's usual bite.
	inGuest("the watchdog is fed by the payload, and bites when it is not", async () => {
		const options = "--rm --sdnotify container";
		await units.service("dog", {
			lines: ["Type=notify", "WatchdogSec=1", "WatchdogSignal=SIGKILL"],
			options,
			command: `${payload} send:READY=1 hang`,
		});
		await units.service("fed", {
			lines: ["Type=notify", "WatchdogSec=60", "WatchdogSignal=SIGKILL"],
			options,
			command: `${payload} send:READY=1 send:WATCHDOG=1 send:WATCHDOG=trigger hang`,
		});
		const seen = await lines(`systemctl start dog; until_ '[ "$(show dog ActiveState)" = failed ]'; show dog Result
			systemctl start fed || true; until_ '[ "$(show fed ActiveState)" = failed ]'; show fed Result; systemctl reset-failed`);
		expect(seen).toEqual(["watchdog", "watchdog"]);
	});

	inGuest("descriptors that the payload stores come back after a restart, in a container without a network", async () => {
		const options = "--rm --sdnotify container";
		const command = `${payload} fds store:kept=treasure barrier send:READY=1 hang`;
		await units.service("store", {
			lines: ["Type=notify", "FileDescriptorStoreMax=4", "Restart=always", "RestartSec=0"],
			options,
			command,
		});
		const seen =
			await lines(`systemctl start store; show store NFileDescriptorStore; systemctl kill -s KILL store; until_ '[ "$(show store NRestarts ActiveState | xargs)" = "1 active" ]'
			until_ '[ $(log store | grep -c "barrier") = 2 ]'; log store | grep -E '^fd'; systemctl stop store || true; systemctl reset-failed`);
		expect(seen).toEqual([
			"1",
			...["fds none names none pid not ours", "fd 3 closed"],
			...["fds 1 names kept pid ours", "fd 3 treasure", "fd 4 closed"],
		]);
	});
});

describe("sockets", () => {
	for (const options of ["--rm --network none", "--rm --init"]) {
		inGuest(`a socket of the manager's reaches the payload: ${options}`, async () => {
			await units.service("listens", { lines: ["Type=notify"], options, command: `${payload} fds accept hang` });
			const seen =
				await lines(`printf '[Socket]\\nListenStream=127.0.0.1:4711\\nFileDescriptorName=web\\n' >/run/systemd/system/listens.socket; systemctl daemon-reload
				systemctl start listens.socket; exec 5<>/dev/tcp/127.0.0.1/4711; cat <&5 | sed 's/[0-9]*$//'; until_ 'log listens | grep -q "fd 4"'; log listens | grep -E '^fd' | tail -3
				systemctl stop listens.socket; systemctl kill -s KILL listens; systemctl stop listens || true; systemctl reset-failed`);
			expect(seen).toEqual(["hello from ", "fds 1 names web pid ours", "fd 3 socket", "fd 4 closed"]);
		});
	}
});

describe("the unit's settings are the payload's", () => {
	inGuest("environment, credentials, folders of the service", async () => {
		const lines_ = [
			...[
				"Type=notify",
				"Environment=GREETING=hello OTHER=two",
				"SetCredential=secret:treasure",
				"StateDirectory=mine",
				"RuntimeDirectory=here",
			],
			...["LogsDirectory=logs", "CacheDirectory=cached", "ConfigurationDirectory=conf"],
		];
		const script = [
			"echo $GREETING $OTHER; cat $CREDENTIALS_DIRECTORY/secret; echo; touch $CREDENTIALS_DIRECTORY/x 2>&1 | grep -o 'Read-only.*'",
			"echo $STATE_DIRECTORY $RUNTIME_DIRECTORY $LOGS_DIRECTORY $CACHE_DIRECTORY $CONFIGURATION_DIRECTORY",
			"touch $STATE_DIRECTORY/kept && touch $CONFIGURATION_DIRECTORY/x 2>&1 | grep -o 'Read-only.*'",
			"env | grep -cE '^(NOTIFY_SOCKET|SYSTEMD_EXEC_PID|JOURNAL_STREAM|LOGNAME|HOME=/$)'; echo end; exec sleep 1000",
		];
		await units.service("given", {
			lines: lines_,
			options: "--rm -e OTHER=three",
			command: `sh -c '${script.join("; ").replaceAll("$", "$$$$").replaceAll("'", '"')}'`,
		});
		const seen = await lines(
			"systemctl start given; until_ 'log given | grep -q end'; log given; ls /var/lib/mine; systemctl kill -s KILL given; systemctl reset-failed given",
		);
		expect(seen).toEqual([
			...["hello three", "treasure", "Read-only file system", "/var/lib/mine /run/here /var/log/logs /var/cache/cached /etc/conf"],
			...["Read-only file system", "0", "end", "kept"],
		]);
	});

	inGuest("limits of the kernel: LimitNOFILE, Nice, OOMScoreAdjust, CPUAffinity; those of the options are the unit's", async () => {
		const script =
			"ulimit -n; set -- $$(cat /proc/self/stat); shift 18; echo $$1; cat /proc/self/oom_score_adj; grep Cpus_allowed_list /proc/self/status; echo end; exec sleep 1000";
		const settings = [
			"Type=notify",
			"LimitNOFILE=1234:2345",
			"Nice=5",
			"OOMScoreAdjust=300",
			"CPUAffinity=0",
			"MemoryMax=80M",
			"TasksMax=77",
		];
		await units.service("limited", { lines: settings, options: "--rm --cpus 0.5", command: `sh -c "${script}"` });
		const seen = await lines(
			"systemctl start limited; until_ 'log limited | grep -q end'; log limited; show limited MemoryMax TasksMax CPUQuotaPerSecUSec; systemctl kill -s KILL limited; systemctl reset-failed limited",
		);
		expect(seen).toEqual(["1234", "5", "300", "Cpus_allowed_list:\t0", "end", "83886080", "77", "500ms"]);
	});

	for (const [name, prefix, setting, shows] of [
		["plain-user", "!", "User=daemon", /^1:1::1000:[0-9]+$/],
		["dynamic-user", "+", "DynamicUser=yes\nUser=made-up", /^6[0-9]{4}:6[0-9]{4}::0*1000:/],
		["user-and-groups", "!", "User=daemon\nGroup=games\nSupplementaryGroups=audio", /^1:60:[0-9 ]*29[0-9 ]*:1000:/],
	] as const) {
		inGuest(`ExecStart=${prefix} with ${setting.replaceAll("\n", " ")}`, async () => {
			const script =
				'echo "$$(id -u):$$(id -g):$$(id -G | sed s/^[0-9]*//):1000:$$(cat $$CREDENTIALS_DIRECTORY/secret | wc -c)"; touch $$STATE_DIRECTORY/mine && echo end; exec sleep 1000';
			const all = ["Type=notify", ...setting.split("\n"), "StateDirectory=theirs", "SetCredential=secret:treasure"];
			await units.service(name, { lines: all, prefix, command: `sh -c '${script}'` });
			const seen = await lines(
				`systemctl start ${name}; until_ 'log ${name} | grep -q end'; log ${name} | tail -2; systemctl kill -s KILL ${name}; systemctl reset-failed ${name}; rm -rf /var/lib/theirs /var/lib/private/theirs`,
			);
			expect(seen[0]).toMatch(shows);
			expect(seen[0]).toMatch(/:8$/);
		});
	}

	inGuest("a sandbox that leaves corten too little is named", async () => {
		await units.service("dynamic", {
			lines: ["Type=notify", "DynamicUser=yes", "ReadWritePaths=/var/lib/corten /run"],
			prefix: "!",
			command: "true",
		});
		await units.service("strict", { lines: ["Type=notify", "ProtectSystem=strict"], command: "true" });
		const said = await units.sh(
			"systemctl start dynamic || true; systemctl start strict || true; until_ 'log dynamic | grep -q corten && log strict | grep -q corten'; log dynamic; log strict; systemctl reset-failed",
		);
		expect(said).toContain("write ExecStart=+/usr/bin/corten");
		expect(said).toContain("ReadWritePaths=/var/lib/corten /run/corten");
	});

	inGuest(
		"PrivateTmp=, BindPaths=, ProtectSystem=, PrivateNetwork= and IPAddressDeny= hold for volumes and for the host's network",
		async () => {
			const settings = [
				...["Type=notify", "PrivateTmp=yes", "BindPaths=/usr/share:/srv", "ProtectSystem=strict", "ReadWritePaths=/var/lib/corten /run"],
				...["PrivateNetwork=yes"],
			];
			const script =
				"ls /tmp | wc -l; ls -d /mine/dbus-1; touch /etc-of-host/x 2>&1 | grep -o Read-only.*; ls /sys/class/net; echo end; exec sleep 1000";
			const options = "--rm --network host -v /tmp:/tmp -v /srv:/mine:ro -v /etc:/etc-of-host";
			await units.service("hidden", { lines: settings, options, command: `sh -c "${script}"` });
			const seen = await lines(
				"touch /tmp/visible; systemctl start hidden; until_ 'log hidden | grep -q end'; log hidden; systemctl kill -s KILL hidden; systemctl reset-failed hidden",
			);
			expect(seen).toEqual(["0", "/mine/dbus-1", "Read-only file system", "lo", "end"]);
		},
	);
});

describe("the journal", () => {
	inGuest("lines are the unit's own, from the payload's process, with their priorities", async () => {
		await units.service("speaks", {
			lines: ["Type=notify", "SyslogIdentifier=web"],
			command: "sh -c \"echo out; echo err >&2; echo '<3>bad'; exec sleep 1000\"",
		});
		const seen = await lines(`systemctl start speaks; until_ 'log speaks | grep -q bad'
			journalctl -q -u speaks -o json --no-pager | jq -r 'select(._TRANSPORT=="stdout") | [.MESSAGE, .PRIORITY, ._SYSTEMD_UNIT, .SYSLOG_IDENTIFIER] | join(" ")'
			journalctl -q -u speaks -o json --no-pager | jq -r 'select(.MESSAGE=="out") | ._PID' | grep -cx "$(pid speaks)"
			systemctl kill -s KILL speaks; systemctl reset-failed speaks`);
		expect(seen).toEqual(["out 6 speaks.service web", "err 6 speaks.service web", "bad 3 speaks.service web", "1"]);
	});
});
