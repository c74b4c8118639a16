// Health in units: nobody of corten's stays with the container, a timer of systemd's has it probed, and a success starts no engine and
// says nothing in the journal.

import { afterAll, beforeAll, expect } from "bun:test";
import { testWhen } from "../support/skip.ts";
import { bootLimitMs, bootUnits, noGuest, payload, type Units } from "./units.ts";

const inGuest = testWhen(noGuest === undefined, noGuest ?? "");
let units: Units;

beforeAll(async () => {
	if (noGuest === undefined) units = await bootUnits();
}, bootLimitMs);
afterAll(() => units?.[Symbol.asyncDispose]());

/** `until_ CONDITION` with the patience that a busy machine needs; `status NAME` is what ps shows of health. */
const words = `until_() { for i in $(seq 900); do eval "$1" && return 0; sleep 0.1; done; echo "never: $1"; return 1; }
probes() { corten inspect -f '{{len .State.Health.Log}}' "$1"; }
is() { corten ps -q --filter name=^$1$ --filter health=$2 | grep -q .; }
timers() { systemctl list-units --all --plain --no-legend --type=timer 'corten-*' | wc -l; }
journal() { journalctl --sync; journalctl -q --no-pager -o cat | grep -c "$1" || true; }`;
const lines = async (script: string) => (await units.sh(`${words}\n${script}`, 200_000)).split("\n");
const quick = "--health-interval 200ms --health-retries 2";

inGuest(
	"a timer probes: unhealthy, healthy, and no line in the journal for a success; the timer ends with the container",
	async () => {
		await units.service("web", {
			lines: ["Type=notify"],
			options: `--rm --name web ${quick} --health-cmd "echo seen; test -e /tmp/ok"`,
			command: `${payload} hang`,
		});
		const seen = await lines(`systemctl log-target journal; systemctl log-level info
			systemctl start web
			until_ 'is web unhealthy'; echo unhealthy
			corten exec web touch /tmp/ok; until_ 'is web healthy'; echo healthy
			journalctl --sync; before=$(journalctl -q --no-pager -o cat | wc -l)
			until_ '[[ $(corten inspect -f "{{(index .State.Health.Log 4).ExitCode}}{{(index .State.Health.Log 0).ExitCode}}" web) = 00 ]]'
			journalctl --sync; journalctl -q --no-pager -o cat | tail -n +$((before + 1)) | grep -c health || true
			journalctl -q -u corten-web:health.service --no-pager -o cat
			corten ps --format '{{.Status}}' | grep -o '(.*)'; corten inspect -f '{{(index .State.Health.Log 4).Output}}' web
			cat /sys/fs/cgroup/unified/system.slice/web.service/cgroup.procs | wc -l; timers
			systemctl stop web || true; until_ '[ $(timers) = 0 ]'; echo no timer; systemctl reset-failed`);
		expect(seen.slice(0, 3)).toEqual(["unhealthy", "healthy", "0"]);
		expect(seen[3]).toContain('container "web" is unhealthy: 2 checks in a row have failed, the last one with status 1');
		expect(seen.slice(4).filter((line) => line !== "")).toEqual(["(healthy)", "seen", "1", "1", "no timer"]);
	},
	250_000,
);

inGuest(
	"--health-on-failure=kill lets Restart= start it again, stop stops the unit, restart restarts it",
	async () => {
		const options = (action: string) => `--rm --name act ${quick} --health-on-failure=${action} --health-cmd "false"`;
		const start = async (action: string, restart: string) =>
			units.service("act", {
				lines: ["Type=notify", `Restart=${restart}`, "RestartSec=10ms"],
				options: options(action),
				command: `${payload} hang`,
			});
		await start("kill", "on-failure");
		const killed = await lines(`systemctl start act; until_ '[ $(show act NRestarts) -ge 1 ]'; echo again; systemctl stop act || true`);
		expect(killed).toEqual(["again"]);
		await start("stop", "always");
		const stopped = await lines(`systemctl start act; until_ '[ "$(show act ActiveState)" != active ]'; show act NRestarts
			until_ '[ "$(show act ActiveState)" != deactivating ]'; corten ps -q; systemctl reset-failed; echo end`);
		expect(stopped).toEqual(["0", "end"]);
		await start("restart", "no");
		const restarted = await lines(`systemctl start act; first=$(show act InvocationID)
			until_ '[ "$(show act InvocationID)" != $first ]'; echo another; until_ '[ "$(show act ActiveState)" = active ]'
			systemctl stop act || true; until_ '[ $(timers) = 0 ]'; systemctl reset-failed; echo end`);
		expect(restarted).toEqual(["another", "end"]);
	},
	250_000,
);

inGuest(
	"--sdnotify=healthy: the start job waits for the first success, then the payload is the main process and nothing of corten stays",
	async () => {
		await units.service("late", {
			lines: ["Type=notify", "TimeoutStartSec=80"],
			options: `--rm --name late --sdnotify=healthy ${quick} --health-start-period 60s --health-start-interval 100ms --health-cmd "test -e /tmp/ok"`,
			command: `${payload} hang`,
		});
		const seen = await lines(`systemctl start --no-block late; until_ 'is late starting'
			until_ '[ $(corten inspect -f "{{len .State.Health.Log}}" late) -ge 2 ]'; show late SubState
			corten exec late touch /tmp/ok; until_ '[ "$(show late SubState)" = running ]'; cat /proc/$(pid late)/comm; members late
			is late healthy && echo healthy; until_ '! pgrep -x corten-launch >/dev/null'; echo alone
			kill -9 $(pid late); until_ '[ "$(show late ActiveState)" = failed ]'; show late Result ExecMainStatus; systemctl reset-failed`);
		expect(seen).toEqual(["start", "payload", "payload", "healthy", "alone", "signal", "9"]);
	},
	250_000,
);

inGuest(
	"--sdnotify=healthy: a payload that ends before it is healthy is the unit's result",
	async () => {
		await units.service("early", {
			lines: ["Type=notify"],
			options: `--rm --name early --sdnotify=healthy ${quick} --health-cmd "false"`,
			command: `${payload} exit:7`,
		});
		const seen = await lines(`systemctl start early && echo started; show early Result ExecMainStatus
			until_ '[ $(timers) = 0 ]'; systemctl reset-failed; corten ps -aq; echo end`);
		expect(seen).toEqual(["exit-code", "7", "end"]);
	},
	250_000,
);

inGuest(
	"a probe in a Type=simple unit is made by launch, which stays there; --health-on-failure=restart outside of a unit is refused",
	async () => {
		await units.service("simple", {
			lines: ["Type=simple"],
			options: `--rm --name simple ${quick} --health-cmd "true"`,
			command: `${payload} hang`,
		});
		const seen =
			await lines(`systemctl start simple; until_ 'is simple healthy'; timers; systemctl stop simple || true; systemctl reset-failed
			corten run --rm --health-cmd true --health-on-failure=restart busybox true || echo $?`);
		expect(seen).toEqual(["0", "125"]);
	},
	250_000,
);

inGuest(
	"corten run -d: the transient unit's container is probed, also after corten restart; --sdnotify=healthy makes run wait",
	async () => {
		const seen = await lines(`corten run -d --name own ${quick} --health-cmd "test -e /tmp/ok" busybox sleep 1000 >/dev/null
			until_ 'is own unhealthy'; corten exec own touch /tmp/ok; until_ 'is own healthy'; echo healthy
			corten restart -t 0 own >/dev/null; until_ 'is own healthy'; corten inspect -f '{{.State.Health.FailingStreak}}' own; timers
			corten rm -f own >/dev/null; until_ '[ $(timers) = 0 ]'
			corten run -d --name waits --sdnotify=healthy ${quick} --health-cmd "sleep 0.5" busybox sleep 1000 >/dev/null; is waits healthy && echo waited
			corten rm -f waits >/dev/null; until_ '[ $(timers) = 0 ]'; systemctl reset-failed; systemctl list-units --all --plain --no-legend 'corten-*.service' 'corten-*.timer'; echo end`);
		expect(seen).toEqual(["healthy", "0", "1", "waited", "end"]);
	},
	250_000,
);

inGuest(
	"a user's container is probed by a timer of the user's manager, from outside of its user namespace; User= without privilege is told that nobody asks",
	async () => {
		const asWeb = "setpriv --reuid web --regid web --init-groups env HOME=/share/web XDG_RUNTIME_DIR=/run/user/1000";
		const check = `${quick} --health-cmd "test -e /tmp/ok"`;
		await units.service("theirs", {
			lines: ["Type=notify", "User=web"],
			options: `--rm --name theirs ${check}`,
			command: `${payload} hang`,
		});
		const seen = await lines(`mkdir /share/web; chown web:web /share/web; chmod 755 /share; usermod -d /share/web web
			systemctl start user@1000.service; ${asWeb} corten pull -q docker-archive:/share/docker.tar >/dev/null
			${asWeb} corten run -d --name mine ${check} busybox sleep 1000 >/dev/null
			user() { ${asWeb} corten ps -q --filter name=^$1$ --filter health=$2 | grep -q .; }
			until_ 'user mine unhealthy'; ${asWeb} corten exec mine touch /tmp/ok; until_ 'user mine healthy'; echo healthy
			systemctl -M web@ --user list-units --plain --no-legend --type=timer 'corten-*' | wc -l
			${asWeb} corten rm -f mine >/dev/null; until_ '[ $(systemctl -M web@ --user list-units --all --plain --no-legend --type=timer "corten-*" | wc -l) = 0 ]'
			${asWeb} corten run -d --name waits --sdnotify=healthy ${quick} --health-cmd "true" busybox sleep 1000 >/dev/null; user waits healthy && echo waited
			${asWeb} corten rm -f waits >/dev/null
			systemctl start theirs; journalctl --sync; journalctl -q -u theirs -o cat --no-pager | grep -o 'checked by nobody'; systemctl stop theirs || true; systemctl reset-failed`);
		expect(seen).toEqual(["healthy", "1", "waited", "checked by nobody"]);
	},
	250_000,
);

inGuest(
	"a startup check has a timer of its own, which gives way to the health's; one that fails too often restarts the unit",
	async () => {
		const startup = (more: string) =>
			`--rm --name up ${quick} --health-startup-interval 200ms ${more} --health-startup-cmd "test -e /tmp/up" --health-cmd "true"`;
		await units.service("up", { lines: ["Type=notify"], options: startup("--health-startup-success 2"), command: `${payload} hang` });
		const names = "systemctl list-units --plain --no-legend --type=timer 'corten-*' | cut -d' ' -f1";
		const seen = await lines(`systemctl start up; ${names}; until_ '[ $(probes up) = 5 ]'; is up starting && echo starting
		corten exec up touch /tmp/up; until_ 'is up healthy'; ${names}; systemctl stop up || true; until_ '[ $(timers) = 0 ]'; systemctl reset-failed; echo end`);
		expect(seen).toEqual(["corten-up:startup.timer", "starting", "corten-up:health.timer", "end"]);
		await units.service("up", { lines: ["Type=notify"], options: startup("--health-startup-retries 2"), command: `${payload} hang` });
		const again =
			await lines(`systemctl start up; first=$(show up InvocationID); until_ '[ "$(show up InvocationID)" != $first ]'; echo another
		until_ '[ "$(show up ActiveState)" = active ]'; systemctl stop up || true; until_ '[ $(timers) = 0 ]'; systemctl reset-failed; echo end`);
		expect(again).toEqual(["another", "end"]);
	},
	250_000,
);
