// Traces in the JSON form of Chrome's trace viewer, which Perfetto and speedscope open as well
// ("Trace Event Format", the JSON object form). Time stamps are microseconds. There is no
// `displayTimeUnit`: Perfetto has taken it for the unit of the time stamps (json_tracker.h).

/** One event. */
export interface TraceEvent {
  readonly name: string;
  /** B and E: a slice begins and ends; i: an instant; C: counters; M: names of tracks. */
  readonly ph: 'B' | 'E' | 'i' | 'C' | 'M';
  readonly ts: number;
  /** Thread group. Not 0, which to Perfetto is the idle process and not shown. */
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
  /** What else there is to know; viewers show it with the file. */
  readonly otherData: Readonly<Record<string, string | number>>;
}

/**
 * The trace as a file: an event a line. `ts` comes first, for Perfetto looks for it before it
 * parses the event, by means that know no `\u` in the strings before it (json_trace_tokenizer.cc).
 */
export function chromeTraceText({ traceEvents, otherData }: ChromeTrace): string {
  const events = traceEvents.map(({ ts, ...event }) => JSON.stringify({ ts, ...event }));
  return `{"otherData":${JSON.stringify(otherData)},\n"traceEvents":[\n${events.join(',\n')}\n]}\n`;
}

/**
 * What a slice ends before the next one of its track begins. Where both are of one microsecond and
 * of one name, speedscope takes the end to be the new slice's, and mixes up all that are open.
 */
const GAP_US = 1;

interface OpenSlices {
  readonly track: { readonly pid: number; readonly tid: number };
  /** Innermost last; what was dropped at its begin is undefined. */
  readonly names: (string | undefined)[];
  /** When the last of them began. */
  begunAt: number;
}

/** Collects events up to a bound: what comes later is counted, and slices still end. */
export class TraceEvents {
  readonly #events: TraceEvent[] = [];
  readonly #max: number;
  /** By track. */
  readonly #open = new Map<string, OpenSlices>();
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
    const open = this.#openOf(event);
    open.names.push(fits ? event.name : undefined);
    open.begunAt = event.ts;
    this.add({ ...event, ph: 'B' });
  }

  /** Ends the innermost slice of a track, for another may begin at `ts`; none has no length. */
  end({ pid, tid, ts }: Pick<TraceEvent, 'pid' | 'tid' | 'ts'>): void {
    const { names, begunAt } = this.#openOf({ pid, tid });
    const name = names.pop();
    if (name === undefined) return;
    const end = Math.max(ts - GAP_US, begunAt + GAP_US);
    // It is not bounded: each end belongs to a begin that had room.
    this.#events.push({ name, ph: 'E', ts: end, pid, tid });
  }

  /** Ends all slices that are open. */
  endAll(ts: number): void {
    for (const { track, names } of this.#open.values()) {
      while (names.length > 0) this.end({ ...track, ts });
    }
  }

  /** Everything, in the order of time. */
  finish(): readonly TraceEvent[] {
    return this.#events.toSorted((a, b) => a.ts - b.ts);
  }

  #openOf({ pid, tid }: Pick<TraceEvent, 'pid' | 'tid'>): OpenSlices {
    const key = `${pid}/${tid}`;
    let open = this.#open.get(key);
    if (open === undefined) {
      open = { track: { pid, tid }, names: [], begunAt: 0 };
      this.#open.set(key, open);
    }
    return open;
  }
}
