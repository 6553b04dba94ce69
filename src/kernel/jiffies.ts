// Time as the kernel counts it: jiffies and HZ.

import { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { InvalidError } from '../util/errors.ts';

/** The tick counter at the instant of the dump. */
export interface Jiffies {
  /** jiffies_64 (kernel/time/timer.c). */
  readonly jiffies: bigint;
  /** Ticks a second; undefined where the dump does not tell. */
  readonly hz: number | undefined;
  /** How HZ was found. */
  readonly hzSource: string;
}

/** What CONFIG_HZ can be on the architectures that Linux has; 100, 250, 300, 1000 on x86. */
const HZ_MIN = 24;
const HZ_MAX = 2048;
const NSEC_PER_SEC = 1_000_000_000;

/**
 * Reads jiffies and works out HZ.
 *
 * @throws LookupError or FaultError where jiffies cannot be read, InvalidError for a value that
 *   no kernel has
 */
export function readJiffies(vmcore: Vmcore): Jiffies {
  const jiffies = vmcore.global('jiffies_64').integer();
  const found = hzOfClocksource(vmcore) ?? hzOfLoops(vmcore);
  if (found !== undefined && jiffies < initialJiffies(found.hz)) {
    const first = initialJiffies(found.hz);
    throw new InvalidError(`jiffies_64 is ${jiffies}, below ${first}, with which a kernel boots`);
  }
  return {
    jiffies,
    hz: found?.hz,
    hzSource: found?.source ?? 'not found in the dump',
  };
}

/** jiffies_64 starts at (unsigned int)(-300 * HZ) (INITIAL_JIFFIES, include/linux/jiffies.h). */
export function initialJiffies(hz: number): bigint {
  return BigInt.asUintN(32, BigInt(-300 * hz));
}

interface FoundHz {
  readonly hz: number;
  readonly source: string;
}

/**
 * kernel/time/jiffies.c initialises clocksource_jiffies.mult to TICK_NSEC << JIFFIES_SHIFT and
 * .shift to JIFFIES_SHIFT, both constants of the build; nobody adjusts them.
 */
function hzOfClocksource(vmcore: Vmcore): FoundHz | undefined {
  const clocksource = vmcore.types.find('struct', 'clocksource');
  const address = vmcore.symbols.lookup('clocksource_jiffies');
  if (clocksource === undefined || address === undefined) return undefined;
  return vmcore.problems.attempt('clocksource_jiffies', () => {
    const ref = new Ref(vmcore, clocksource, address);
    const tickNs = ref.member('mult').number() / 2 ** ref.member('shift').number();
    return plausible(NSEC_PER_SEC / tickNs, 'clocksource_jiffies.mult');
  });
}

/** x86 with a known TSC sets loops_per_jiffy to tsc_khz * 1000 / HZ (arch/x86/kernel/tsc.c). */
function hzOfLoops(vmcore: Vmcore): FoundHz | undefined {
  return vmcore.problems.attempt('loops_per_jiffy', () => {
    if (vmcore.symbols.lookup('tsc_khz') === undefined) return undefined;
    const loops = Number(vmcore.global('loops_per_jiffy').integer());
    const khz = vmcore.global('tsc_khz').number();
    return plausible((khz * 1000) / loops, 'tsc_khz and loops_per_jiffy');
  });
}

function plausible(value: number, source: string): FoundHz | undefined {
  const hz = Math.round(value);
  // TICK_NSEC is rounded to a nanosecond, so the quotient is next to an integer or is no HZ.
  if (!(hz >= HZ_MIN && hz <= HZ_MAX) || Math.abs(value - hz) > 0.02) return undefined;
  return { hz, source };
}
