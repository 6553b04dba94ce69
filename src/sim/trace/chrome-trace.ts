// Traces in the JSON form of Chrome's trace viewer, which Perfetto and speedscope open as well
// ("Trace Event Format", the JSON object form). Time stamps are microseconds.

/** One event. */
export interface TraceEvent {
  readonly name: string;
  /** B and E: a slice begins and ends; i: an instant; C: counters; M: names of tracks. */
  readonly ph: 'B' | 'E' | 'i' | 'C' | 'M';
  readonly ts: number;
  /** Thread group; 0 for CPUs and the machine as a whole. */
  readonly pid: number;
  readonly tid: number;
  readonly cat?: string;
  /** Of an instant: its mark goes over the thread (t) or over all (g). */
  readonly s?: 't' | 'g';
  readonly args?: Readonly<Record<string, string | number>>;
}

/** A whole trace. */
export interface ChromeTrace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
  /** What else there is to know; viewers show it with the file. */
  readonly otherData: Readonly<Record<string, string | number>>;
}

/** The trace as a file: an event a line. */
export function chromeTraceText({ traceEvents, displayTimeUnit, otherData }: ChromeTrace): string {
  const events = traceEvents.map((event) => JSON.stringify(event)).join(',\n');
  return (
    `{"displayTimeUnit":"${displayTimeUnit}",\n"otherData":${JSON.stringify(otherData)},\n` +
    `"traceEvents":[\n${events}\n]}\n`
  );
}

/** Collects events up to a bound: what comes later is counted, and slices still end. */
export class TraceEvents {
  readonly #events: TraceEvent[] = [];
  readonly #max: number;
  /** Names of open slices by track, innermost last; what was dropped at its begin is undefined. */
  readonly #open = new Map<string, { pid: number; tid: number; names: (string | undefined)[] }>();
  dropped = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(event: TraceEvent): void {
    if (this.#events.length < this.#max) this.#events.push(event);
    else this.dropped++;
  }

  begin(event: Omit<TraceEvent, 'ph'>): void {
    const fits = this.#events.length < this.#max;
    this.#openOf(event).push(fits ? event.name : undefined);
    this.add({ ...event, ph: 'B' });
  }

  /** Ends the innermost slice of a track. */
  end({ pid, tid, ts }: Pick<TraceEvent, 'pid' | 'tid' | 'ts'>): void {
    const name = this.#openOf({ pid, tid }).pop();
    if (name === undefined) return;
    // It is not bounded: each end belongs to a begin that had room.
    this.#events.push({ name, ph: 'E', ts, pid, tid });
  }

  /** How many slices of a track are open. */
  depth(track: Pick<TraceEvent, 'pid' | 'tid'>): number {
    return this.#openOf(track).length;
  }

  /** Ends all slices that are open. */
  endAll(ts: number): void {
    for (const { pid, tid, names } of this.#open.values()) {
      while (names.length > 0) this.end({ pid, tid, ts });
    }
  }

  /** Everything, in the order of time. */
  finish(): readonly TraceEvent[] {
    return this.#events;
  }

  #openOf({ pid, tid }: Pick<TraceEvent, 'pid' | 'tid'>): (string | undefined)[] {
    const key = `${pid}/${tid}`;
    let track = this.#open.get(key);
    if (track === undefined) {
      track = { pid, tid, names: [] };
      this.#open.set(key, track);
    }
    return track.names;
  }
}
