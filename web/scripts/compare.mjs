// Fails if hrdem/app/static/ is not what the sources build.

import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const committed = join(web, "../hrdem/app/static");
const built = await mkdtemp(join(tmpdir(), "page-"));
try {
  execFileSync(process.execPath, [join(web, "scripts/build.mjs"), built], { stdio: "inherit" });
  const names = new Set([...(await readdir(built)), ...(await readdir(committed))]);
  names.delete("data");
  const read = (folder, name) => readFile(join(folder, name)).catch(() => null);
  const differing = [];
  for (const name of names) {
    const [one, other] = [await read(built, name), await read(committed, name)];
    if (!one || !other || !one.equals(other)) differing.push(name);
  }
  if (differing.length > 0) {
    process.stderr.write(
      `hrdem/app/static differs from what web/ builds (${differing.sort().join(", ")}): ` +
        "run npm run build in web/ and commit what it writes.\n",
    );
    process.exitCode = 1;
  }
} finally {
  await rm(built, { recursive: true });
}
