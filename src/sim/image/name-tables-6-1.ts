// Tables of names that a 6.1 kernel has in its read-only data.

/** task_state_array of fs/proc/array.c since Linux 4.14. */
export const TASK_STATES_6_1: readonly string[] = [
  'R (running)',
  'S (sleeping)',
  'D (disk sleep)',
  'T (stopped)',
  't (tracing stop)',
  'X (dead)',
  'Z (zombie)',
  'P (parked)',
  'I (idle)',
];
