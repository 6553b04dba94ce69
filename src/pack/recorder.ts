// Follows an answer while it is found: which bytes, symbols, types and registers it rests on.

import type { PhysicalMemory, PhysicalRange } from '../memory/physical.ts';
import type { AbsentState } from '../memory/packed-memory.ts';
import type { AskedTypes } from '../target/asked-types.ts';
import type { CpuRegisters } from '../target/container.ts';
import type { VerifiedVmcoreinfo } from '../target/find-vmcoreinfo.ts';
import type { LoadedModule } from '../target/modules.ts';
import type { Container } from '../target/open-container.ts';
import type { NotedModule, NotedSymbols } from '../target/packed.ts';
import type { NotedSearch, PackFacts } from '../target/pack-manifest.ts';
import type { SymbolTable } from '../target/symbols.ts';
import type { MemorySearch, OpeningStep, Watch } from '../target/watch.ts';
import { hex, type Vaddr } from '../util/address.ts';
import { assert } from '../util/assert.ts';
import type { VmcoreError } from '../util/errors.ts';
import type { PageState } from '../util/page-state.ts';
import type { Problem } from '../util/problems.ts';
import type { Ranges } from '../util/ranges.ts';
import { RangeLog } from './range-log.ts';
import { RecordedMemory, type MemoryListener } from './recorded-memory.ts';
import { RecordedSymbols } from './recorded-symbols.ts';

/** What bytes are that are read before any structure is known. */
const IDENTITY = 'kernel identity';
const TABLES = 'page tables';

/** Reads that nobody said anything of. */
const OTHER = 'other';

/** Damaged pages that are told apart; in more of them nothing could be read at all. */
const DAMAGED_MAX = 4096;

/** The account of one opening and one answer. */
export class Recorder implements Watch {
  /** Ranges by what was read. */
  readonly #logs = new Map<string, RangeLog>();
  readonly #absent = new Map<AbsentState, RangeLog>();
  readonly #damaged = new Map<string, PackFacts['damaged'][number]>();
  readonly #modules = new Map<
    Vaddr,
    { table?: RecordedSymbols; problem?: NotedModule['problem'] }
  >();
  readonly #searches: NotedSearch[] = [];
  readonly #problems = new Map<OpeningStep, readonly Problem[]>();
  readonly #registers = new Set<string>();
  #log = this.#logOf(IDENTITY);
  #isSuspended = false;
  #container: Container | undefined;
  #kernel: VerifiedVmcoreinfo | undefined;
  #symbols: RecordedSymbols | undefined;
  #types: AskedTypes | undefined;

  get container(): Container {
    assert(this.#container !== undefined, 'nothing was opened');
    return this.#container;
  }

  get kernel(): VerifiedVmcoreinfo {
    assert(this.#kernel !== undefined, 'no kernel was found');
    return this.#kernel;
  }

  get askedTypes(): AskedTypes {
    assert(this.#types !== undefined, 'no types were looked for');
    return this.#types;
  }

  get searches(): readonly NotedSearch[] {
    return this.#searches;
  }

  opened(container: Container): void {
    this.#container = container;
  }

  memory(memory: PhysicalMemory): PhysicalMemory {
    return new RecordedMemory(memory, this.#listener(), this.#listener(TABLES));
  }

  located(kernel: VerifiedVmcoreinfo): void {
    this.#kernel = kernel;
  }

  reading(of: string | undefined): void {
    this.#log = this.#logOf(of === undefined || of === '' ? OTHER : of);
  }

  unrecorded<T>(run: () => T): T {
    const before = this.#isSuspended;
    this.#isSuspended = true;
    try {
      return run();
    } finally {
      this.#isSuspended = before;
    }
  }

  symbols(table: SymbolTable, module?: LoadedModule): SymbolTable {
    const recorded = new RecordedSymbols(table);
    if (module === undefined) this.#symbols = recorded;
    else this.#modules.set(module.address, { table: recorded });
    return recorded;
  }

  noSymbols(module: LoadedModule, problem: Pick<Problem, 'message' | 'code'>): void {
    this.#modules.set(module.address, { problem });
  }

  types(types: AskedTypes): void {
    this.#types = types;
  }

  registers(registers: readonly CpuRegisters[]): readonly CpuRegisters[] {
    return registers.map((each) => ({
      ...each,
      registers: new AskedRegisters(each.registers, (name) => {
        this.#registers.add(registerKey(each, name));
      }),
    }));
  }

  /** Whether a register of a CPU was looked at. */
  wasAsked(cpu: Pick<CpuRegisters, 'source' | 'index'>, name: string): boolean {
    return this.#registers.has(registerKey(cpu, name));
  }

  found({ start, length, text }: MemorySearch, addresses: readonly Vaddr[]): void {
    this.#searches.push({ start: hex(start), length, text, found: addresses.map(hex) });
  }

  problems(step: OpeningStep, problems: readonly Problem[]): void {
    this.#problems.set(step, problems);
  }

  problemsOf(step: OpeningStep): readonly Problem[] {
    return this.#problems.get(step) ?? [];
  }

  /** What was read, by what it is. */
  rangesByKind(): Map<string, Ranges> {
    return new Map([...this.#logs].map(([what, log]) => [what, log.ranges()]));
  }

  absentRanges(): PackFacts['absent'] {
    return [...this.#absent].map(([state, log]) => {
      const { starts, ends } = log.ranges();
      const ranges = Array.from(starts, (start, i) => [start, ends[i] as number]);
      return { state, ranges };
    });
  }

  damagedRanges(): PackFacts['damaged'] {
    return [...this.#damaged.values()];
  }

  notedSymbols(): NotedSymbols {
    assert(this.#symbols !== undefined, 'no symbols were looked for');
    const modules = [...this.#modules].map(([address, { table, problem }]) => ({
      address: hex(address),
      ...(table === undefined ? {} : { table: table.noted() }),
      ...(problem === undefined ? {} : { problem }),
    }));
    return { kernel: this.#symbols.noted(), modules };
  }

  #logOf(what: string): RangeLog {
    let log = this.#logs.get(what);
    if (log === undefined) this.#logs.set(what, (log = new RangeLog()));
    return log;
  }

  /** @param what the one thing that is read through it; what the reader says unless given */
  #listener(what?: string): MemoryListener {
    const own = what === undefined ? undefined : this.#logOf(what);
    const isSuspended = (): boolean => this.#isSuspended;
    return {
      get isSuspended() {
        return isSuspended();
      },
      read: (start, end) => (own ?? this.#log).add(start, end),
      absent: (paddr, state) => this.#noteAbsent(paddr, state),
      damaged: (range, error) => this.#noteDamage(range, error),
    };
  }

  #noteAbsent(paddr: number, state: Exclude<PageState, 'present'>): void {
    // What a pack before this one took out stays out without a word.
    if (state === 'removed-by-pack') return;
    let log = this.#absent.get(state);
    if (log === undefined) this.#absent.set(state, (log = new RangeLog()));
    log.add(paddr, paddr + 1);
  }

  #noteDamage({ start, end }: PhysicalRange, error: VmcoreError): void {
    const key = `${start} ${end}`;
    if (this.#damaged.size >= DAMAGED_MAX || this.#damaged.has(key)) return;
    this.#damaged.set(key, { start, end, messages: messagesOf(error) });
  }
}

function registerKey(
  { source, index }: Pick<CpuRegisters, 'source' | 'index'>,
  name: string,
): string {
  return `${source} ${index} ${name}`;
}

/** As errorChain() goes through them. */
function messagesOf(error: VmcoreError): string[] {
  const messages: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current instanceof Error && depth < 16; depth++) {
    messages.push(current.message);
    current = current.cause;
  }
  return messages;
}

/** Registers that tell which of them are looked at. */
class AskedRegisters extends Map<string, bigint> {
  readonly #onGet: (name: string) => void;

  constructor(registers: ReadonlyMap<string, bigint>, onGet: (name: string) => void) {
    super(registers);
    this.#onGet = onGet;
  }

  override get(name: string): bigint | undefined {
    this.#onGet(name);
    return super.get(name);
  }
}
