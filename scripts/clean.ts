/**
 * Removes whatever a build, a check or a test run leaves behind.
 */
import { globSync, rmSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")

for (const path of globSync(["{.,packages/*}/{dist,build,coverage}", "{.,packages/*}/*.tsbuildinfo"], { cwd: root })) {
  rmSync(join(root, path), { recursive: true, force: true })
}
