import { defineConfig } from "vitest/config"
import { project } from "./vitest.shared.ts"

export default defineConfig({
  test: {
    projects: ["packages/*/vitest.config.ts", project("repository")],
    passWithNoTests: true
  }
})
