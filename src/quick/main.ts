// The program `corten`: src/main.ts on QuickJS.

import "./globals.ts";

await import("../main.ts");
