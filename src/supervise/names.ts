// Ids and names of containers. A generated name is an adjective and a noun, so that people can say it and docker's scripts can parse it.

import { check, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";

const adjectives =
	"able agile amber ample azure basic blithe bold brave brief bright brisk broad calm candid cheery chilly civic clean clear clever cosy crisp curious dapper daring deft dewy eager early easy exact fair famous fine firm fleet fond frank free fresh gentle giddy glad golden grand great green handy happy hardy hasty hearty honest humble icy ideal jolly jovial keen kind large level light lively loyal lucid lucky lunar major mellow merry mild modest neat nimble noble novel open patient placid plain polite prime proud quick quiet rapid rare ready regal robust rosy rustic sage sane serene sharp shiny silent silver simple sleek smart smooth snug sober solar solid sound spare spry stable steady still stout sturdy subtle sunny sure swift tame tender tidy timely tough trim true trusty upbeat urban useful valid vast vivid warm wary wide wise witty young zesty".split(
		" ",
	);
const nouns =
	"acorn alder anchor anvil apple arch ash aspen atlas badger barley barn basin beacon beaver beech bell birch bison bolt bramble brass brick bridge brook cabin canal canoe canyon cedar chisel cliff clover cobalt comet compass copper coral cove crane creek cricket crow dale delta dove dune eagle elder elm ember falcon fern ferry fjord flint forge fox garnet gate geyser glacier glen granite grove gull hamlet harbor hawk hazel heath heron hill hinge holly inlet iris iron island ivy jasper jetty juniper kelp kettle lagoon lantern larch lark lever lilac linden loom lynx maple marble marsh meadow mesa mill moss needle nickel oak oasis orchard osprey otter owl paddle pebble pier pine plover pond poplar prairie quarry quartz raven reef ridge river robin rope rudder sable sail sedge shore sickle slate sparrow spruce stone stork summit swallow thistle thrush tiller timber topaz tower trout tulip valley vane violet walnut wharf willow wren yarrow yew".split(
		" ",
	);

function random(length: number): Uint8Array {
	const bytes = new Uint8Array(length);
	check(syscall(nr.getrandom, bytes, length, 0), "cannot read random bytes");
	return bytes;
}

/** A new container id: 256 random bits, 64 hexadecimal digits. */
export function newId(): string {
	return random(32).toHex();
}

/**
 * A name nobody has chosen yet, most likely.
 * @param attempt how often it was taken already: later ones carry a number, so that thousands of starts do not collide for long
 */
export function newName(attempt = 0): string {
	const view = new DataView(random(12).buffer);
	const adjective = adjectives[view.getUint32(0) % adjectives.length];
	const noun = nouns[view.getUint32(4) % nouns.length];
	return attempt < 2 ? `${adjective}_${noun}` : `${adjective}_${noun}_${view.getUint32(8) % 10 ** Math.min(attempt + 1, 9)}`;
}

/** Whether a person may give this name to a container; docker's rule. */
export function isContainerName(text: string): boolean {
	return /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(text) && text.length <= 255;
}
