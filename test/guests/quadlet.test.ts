// Quadlets under a real systemd: corten-generator is installed in the guest, and what it writes starts, warns, and comes and goes with its files.

import { afterAll, beforeAll, expect } from "bun:test";
import { testWhen } from "../support/skip.ts";
import { bootLimitMs, bootUnits, noGuest, payload, type Units } from "./units.ts";

const inGuest = testWhen(noGuest === undefined, noGuest ?? "");
let units: Units;

beforeAll(async () => {
	if (noGuest !== undefined) return;
	units = await bootUnits();
	await units.sh(`for scope in system user; do mkdir -p /etc/systemd/$scope-generators; ln -s /corten/corten /etc/systemd/$scope-generators/corten-generator; done
		mkdir -p /etc/containers/systemd /etc/corten/systemd`);
}, bootLimitMs);
afterAll(() => units?.[Symbol.asyncDispose]());

const lines = async (script: string) => (await units.sh(script)).split("\n");
const bind = `Volume=/share/payload:${payload}:ro`;

/** Writes quadlets and has systemd read them. */
async function install(files: Readonly<Record<string, string>>, folder = "/etc/containers/systemd"): Promise<void> {
	for (const [name, text] of Object.entries(files)) {
		await units.sh(`mkdir -p "$(dirname ${folder}/${name})"; cat >${folder}/${name} <<'EOF'\n${text}\nEOF`);
	}
	await units.guest.reload();
}

inGuest("a .container is a service whose main process is the payload; stopping keeps the container, starting replaces it", async () => {
	await install({
		"web.container": `[Container]\nImage=busybox\n${bind}\nEnvironment=A="two words"\nExec=sh -c 'echo "$A"; exec ${payload} hang'\n`,
	});
	const seen = await lines(`systemctl start web; cat /proc/$(pid web)/comm; members web; until_ 'log web | grep -q words'; log web
		corten ps --format '{{.Names}} {{.State}}'; systemctl stop web; corten ps -a --format '{{.Names}} {{.Status}}' | cut -d' ' -f1-3
		systemctl start web; corten ps -a --format '{{.Names}} {{.State}}'; systemctl stop web; corten rm systemd-web`);
	expect(seen).toEqual([
		...["payload", "payload", "two words", "systemd-web running", "systemd-web Exited (0)", "systemd-web running", "systemd-web"],
	]);
});

inGuest("what is wrong in a file is a warning with its line in systemctl status, and the unit is there", async () => {
	await install({ "odd.container": `[Container]\nImage=busybox\nNoSuchKey=1\n${bind}\nExec=${payload} hang` });
	const status = await units.sh(
		"systemctl start odd; systemctl status --no-pager odd; systemctl stop odd; corten unit verify odd || echo verified $?",
	);
	expect(status).toContain("[odd.container:3: there is no key NoSuchKey= in [Container]]");
	expect(status).toContain("active (running)");
	expect(status).toContain("/etc/containers/systemd/odd.container:3: there is no key NoSuchKey=");
	expect(status).toContain("verified 1");
});

inGuest("what corten does not have fails at its start with the reason, and not by its absence", async () => {
	await install({
		"net.network": "[Network]\n",
		"inside.container": "[Container]\nImage=busybox\nNetwork=net.network\nExec=true",
	});
	const said = await units.sh("systemctl start inside || echo refused; until_ 'log net-network | grep -q networks'; log net-network");
	expect(said).toContain("refused");
	expect(said).toContain("corten has no networks yet");
});

inGuest("templates, drop-ins, install sections, volumes and their dependencies", async () => {
	await install({
		"t@.container": `[Container]\nImage=busybox\nVolume=shared.volume:/d\nExec=sh -c 'echo instance %i $MORE; touch /d/%i; exec ${payload} hang'\n${bind}\n[Install]\nWantedBy=multi-user.target\nDefaultInstance=one`,
		"t@.container.d/10-more.conf": "[Container]\nEnvironment=MORE=more",
		"shared.volume": "[Volume]\n",
	});
	const seen =
		await lines(`systemctl start t@two; until_ 'log t@two | grep -q instance'; log t@two; ls /var/lib/corten/volumes/systemd-shared; systemctl is-active shared-volume
		systemctl show multi-user.target -p Wants --value | tr ' ' '\\n' | grep '^t@'; systemctl stop t@two; corten rm systemd-t_two`);
	expect(seen).toEqual(["instance two more", "two", "active", "t@one.service", "systemd-t_two"]);
});

inGuest("User= of [Service] is the payload's", async () => {
	await install({
		"own.container": `[Container]\nImage=busybox\n${bind}\nExec=sh -c 'id -u; echo $STATE_DIRECTORY; exec ${payload} hang'\n[Service]\nUser=daemon\nStateDirectory=own`,
	});
	const seen = await lines(
		"systemctl start own; until_ 'log own | grep -q /own'; log own; stat -c %U /proc/$(pid own); systemctl stop own",
	);
	expect(seen).toEqual(["1", "/var/lib/own", "daemon"]);
});

inGuest("secrets are credentials, at podman's place inside", async () => {
	await install({
		"hides.container": `[Container]\nImage=busybox\nSecret=key\nSecret=stored\nExec=sh -c 'cat /run/secrets/key /run/secrets/stored; exec ${payload} hang'\n${bind}`,
		"key.secret": "[Secret]\nFile=/etc/key-of-test\n",
	});
	const seen = await lines(`echo one >/etc/key-of-test; mkdir -p /etc/credstore; echo two >/etc/credstore/stored
		systemctl start hides; until_ 'log hides | grep -q two'; log hides; systemctl stop hides`);
	expect(seen).toEqual(["one", "two"]);
});

inGuest("on demand: the first connection starts the container, and it ends when nobody is connected", async () => {
	await install({
		"lazy.container":
			"[Container]\nImage=busybox\nSocket=127.0.0.1:8080 80\nIdleStopSec=1\nExec=sh -c 'echo page >/index.html; exec httpd -f -p 80 -h /'\n[Service]\nKillSignal=SIGKILL\nSuccessExitStatus=SIGKILL",
	});
	const seen = await lines(`systemctl start lazy.socket; systemctl is-active lazy || true
		exec 5<>/dev/tcp/127.0.0.1/8080; printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' >&5; tail -1 <&5; exec 5>&-
		systemctl is-active lazy; until_ '! systemctl is-active -q lazy'; systemctl is-active lazy || true; systemctl is-active lazy.socket; systemctl stop lazy.socket`);
	expect(seen).toEqual(["inactive", "page", "active", "inactive", "active"]);
});

inGuest("corten unit: install, list, print, from, rm", async () => {
	await units.sh(`cat >/share/mine.container <<'EOF'\n[Container]\nImage=busybox\n${bind}\nExec=${payload} hang\nEOF`);
	await units.sh("corten unit install /share/mine.container");
	const seen =
		await units.sh(`systemctl start mine; systemctl is-active mine; corten unit list | grep -o 'mine.container *mine.service'; corten unit print mine | grep -c ExecStart=
		corten unit from systemd-mine; systemctl stop mine; corten unit rm mine`);
	expect(seen).toContain("active\nmine.container");
	expect(seen).toContain("mine.service\n1\n");
	expect(seen).toContain(`Image=busybox\nContainerName=systemd-mine\n`);
	expect(seen).toContain(`Exec=hang`);
	expect(await units.sh("systemctl start mine 2>&1 || true; ls /etc/corten/systemd")).toContain("not found");
});

inGuest("a user's quadlets are services of the user's manager", async () => {
	const asWeb = "setpriv --reuid web --regid web --init-groups env HOME=/share/web XDG_RUNTIME_DIR=/run/user/1000";
	await units.sh(`mkdir -p /share/web/.config/containers/systemd; chown -R web:web /share/web; chmod 755 /share; usermod -d /share/web web
		systemctl start user@1000.service; ${asWeb} corten pull -q docker-archive:/share/docker.tar
		printf '[Container]\\nImage=busybox\\n${bind}\\nExec=${payload} hang\\n' >/share/web/.config/containers/systemd/mine.container`);
	const manager = "systemctl -M web@ --user";
	const seen = await lines(`${manager} daemon-reload; ${manager} start mine; cat /proc/$(${manager} show mine -p MainPID --value)/comm
		${asWeb} corten ps --format '{{.Names}} {{.State}}'; ${manager} stop mine; ${manager} is-active mine || true; ${asWeb} corten rm systemd-mine`);
	expect(seen).toEqual(["payload", "systemd-mine running", "inactive", "systemd-mine"]);
});

inGuest("two hundred files are read without a network and without the store", async () => {
	await units.sh(`mkdir /tmp/many; for i in $(seq 200); do cp /etc/containers/systemd/web.container /tmp/many/w$i.container; done; mkdir /tmp/out
		QUADLET_UNIT_DIRS=/tmp/many unshare -n /etc/systemd/system-generators/corten-generator /tmp/out /tmp/out /tmp/out`);
	expect(await units.sh("ls /tmp/out/*.service | wc -l")).toBe("200");
});
