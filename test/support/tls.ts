// A certificate authority and certificates of it, made by openssl.

import { writeFileSync } from "node:fs";
import { must } from "./must.ts";

/** Files in PEM. */
export type Certificates = { readonly authority: string; readonly certificate: string; readonly key: string };

/** Makes an authority and a certificate for hosts (`localhost`, `127.0.0.1`) in a folder. */
export function makeCertificates(folder: string, hosts: readonly string[]): Certificates {
	const files = { authority: `${folder}/ca.crt`, certificate: `${folder}/server.crt`, key: `${folder}/server.key` };
	const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
	const days = ["-days", "30"];
	must(["openssl", "req", "-x509", ...key, "-keyout", `${folder}/ca.key`, "-out", files.authority, ...days, "-subj", "/CN=test authority"]);
	must(["openssl", "req", ...key, "-keyout", files.key, "-out", `${folder}/server.csr`, "-subj", "/CN=test"]);
	const names = hosts.map((host) => `${/^[0-9.]+$/.test(host) ? "IP" : "DNS"}:${host}`).join(",");
	writeFileSync(`${folder}/names`, `subjectAltName=${names}\n`);
	const signing = ["-CA", files.authority, "-CAkey", `${folder}/ca.key`, "-CAcreateserial", "-extfile", `${folder}/names`];
	must(["openssl", "x509", "-req", "-in", `${folder}/server.csr`, "-out", files.certificate, ...days, ...signing]);
	return files;
}
