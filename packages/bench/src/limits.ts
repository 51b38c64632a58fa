export const MIB = 1024 * 1024

/** Above the largest message of any workload, for clients whose default limit is below it. */
export const MAX_MESSAGE_BYTES = 64 * MIB
