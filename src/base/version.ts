// Which corten this is; package.json is the one place that says it.

import { version } from "../../package.json";

/** corten's own version, as `1.2.3`. */
export const cortenVersion: string = version;
