// Counters of a zone (include/linux/vmstat.h, mm/vmstat.c): each CPU keeps what it has added for
// itself until it is more than a threshold, or until vmstat_update() runs on it. What others read
// is that much out of date.

/** One item of `zone->vm_stat`, with its `vm_stat_diff` of each CPU. */
export class ZoneCounter {
  #value: number;
  #diffs: Int32Array = new Int32Array(0);
  /** stat_threshold: more than that a CPU does not keep for itself. */
  threshold = 0;

  constructor(value = 0) {
    this.#value = value;
  }

  /** Until then all is added at once. */
  onlineCpus(cpuCount: number, threshold: number): void {
    this.#diffs = new Int32Array(cpuCount);
    this.threshold = threshold;
  }

  /** `vm_stat`, which can be below zero while CPUs keep what they have added. */
  get folded(): number {
    return this.#value;
  }

  /** zone_page_state(): what everybody sees. */
  get value(): number {
    return Math.max(0, this.#value);
  }

  /** zone_page_state_snapshot(): with what the CPUs keep for themselves. */
  get snapshot(): number {
    return Math.max(
      0,
      this.#diffs.reduce((sum, diff) => sum + diff, this.#value),
    );
  }

  /** What a CPU keeps for itself. */
  diff(cpu: number): number {
    return this.#diffs[cpu] ?? 0;
  }

  /** __mod_zone_page_state() */
  add(cpu: number, delta: number): void {
    const diff = this.diff(cpu) + delta;
    const isTooMuch = Math.abs(diff) > this.threshold || cpu >= this.#diffs.length;
    if (isTooMuch) this.#value += diff;
    this.#diffs[cpu] = isTooMuch ? 0 : diff;
  }

  /** The CPU gives up what it keeps. @returns whether that was anything */
  fold(cpu: number): boolean {
    const diff = this.diff(cpu);
    if (diff === 0) return false;
    this.#value += diff;
    this.#diffs[cpu] = 0;
    return true;
  }
}

const PAGES_PER_128_MIB = 32_768;
const THRESHOLD_MAX = 125;

/** calculate_normal_threshold(): grows with the logarithms of CPUs and memory. */
export function calculate_normal_threshold(cpuCount: number, managedPages: number): number {
  const units = Math.floor(managedPages / PAGES_PER_128_MIB);
  return Math.min(THRESHOLD_MAX, 2 * fls(cpuCount) * (1 + fls(units)));
}

function fls(value: number): number {
  return value === 0 ? 0 : Math.floor(Math.log2(value)) + 1;
}
