// What is on the stack of an idle task (kernel/sched/idle.c, arch/x86/kernel/smpboot.c,
// init/main.c). The simulation has no code for it: a CPU with nothing to do takes no time.

/** How the boot CPU came to be idle, and how the others did. */
const BOOT_CPU = [
  'secondary_startup_64_no_verify',
  'x86_64_start_kernel',
  'x86_64_start_reservations',
  'start_kernel',
  'arch_call_rest_init',
  'rest_init',
];
const OTHER_CPU = ['secondary_startup_64_no_verify', 'start_secondary'];

const IDLE = ['cpu_startup_entry', 'do_idle', 'default_idle_call', 'default_idle'];
const SWITCHED_OUT = ['cpu_startup_entry', 'do_idle', 'schedule_idle', '__schedule'];

/** Functions on the stack of a CPU's idle task, the outermost first. */
export function idleFrames(cpu: number, onCpu: boolean): readonly string[] {
  return [...(cpu === 0 ? BOOT_CPU : OTHER_CPU), ...(onCpu ? IDLE : SWITCHED_OUT)];
}

/** All of them: they are symbols of the text. */
export const IDLE_FUNCTIONS: readonly string[] = [
  ...new Set([...BOOT_CPU, ...OTHER_CPU, ...IDLE, ...SWITCHED_OUT]),
];
