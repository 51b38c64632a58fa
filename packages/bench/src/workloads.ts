import type { Workload } from "./workload.ts"
import { workload as httpConcurrent } from "./workloads/http-concurrent.ts"
import { workload as httpSequential } from "./workloads/http-sequential.ts"
import { workload as httpSseConcurrent } from "./workloads/http-sse-concurrent.ts"
import { workload as importTime } from "./workloads/import-time.ts"
import { workload as listThenCall } from "./workloads/list-then-call.ts"
import { workload as sessionsMemory } from "./workloads/sessions-memory.ts"
import { workload as stdioConcurrent } from "./workloads/stdio-concurrent.ts"
import { workload as stdioLargeMessage } from "./workloads/stdio-large-message.ts"
import { workload as stdioSequential } from "./workloads/stdio-sequential.ts"

export const workloads: ReadonlyArray<Workload> = [
  stdioConcurrent,
  stdioSequential,
  stdioLargeMessage,
  httpConcurrent,
  httpSequential,
  httpSseConcurrent,
  listThenCall,
  sessionsMemory,
  importTime
]
