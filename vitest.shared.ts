import { join } from "node:path"
import { defineProject, type UserWorkspaceConfig } from "vitest/config"

/** The settings of one project: the tests of one package, or those of the repository itself. */
export const project = (name: string): UserWorkspaceConfig =>
  defineProject({
    test: {
      name,
      include: ["test/**/*.test.ts"],
      setupFiles: [join(import.meta.dirname, "vitest.setup.ts")],
      // tests keep no global state, so the files share one module cache: loading it is most of a small file's time
      isolate: false,
      sequence: { concurrent: true },
      testTimeout: 20_000
    }
  })
