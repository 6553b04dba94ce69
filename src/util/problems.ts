// What could not be read, collected while the rest goes on. One bad structure never ends a command.

import { errorChain, VmcoreError } from './errors.ts';

/** Something that could not be read or contradicts itself, as it stands in results. */
export interface Problem {
  readonly type: 'problem';
  /** What was being read: `task_struct of pid 42`, `PT_LOAD 7`. */
  readonly subject: string;
  /** The error chain, outermost first. */
  readonly message: string;
  readonly code: VmcoreError['code'];
  /** The user forced on the dump what is of another kernel: nothing in the result is certain. */
  readonly forced?: true;
}

/** How many problems are kept; more are counted, since a hostile dump could make millions. */
const PROBLEMS_MAX = 1000;

/** Collects problems; the same one is kept once. */
export class Problems {
  readonly #kept = new Map<string, Problem>();
  #droppedCount = 0;

  get list(): Problem[] {
    return [...this.#kept.values()];
  }

  /** How many more there were than {@link list} holds. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** How many there were, kept or dropped. */
  get count(): number {
    return this.#kept.size + this.#droppedCount;
  }

  get isEmpty(): boolean {
    return this.#kept.size === 0;
  }

  add(subject: string, error: VmcoreError): void {
    this.addMessage(subject, errorChain(error), error.code);
  }

  addMessage(subject: string, message: string, code: VmcoreError['code'] = 'invalid'): void {
    this.#keep({ type: 'problem', subject, message, code });
  }

  /** Something of another kernel is used, since the user wants it: {@link Problem.forced}. */
  addForced(subject: string, message: string): void {
    this.#keep({ type: 'problem', subject, message, code: 'invalid', forced: true });
  }

  #keep(problem: Problem): void {
    const { subject, message } = problem;
    const key = `${subject}\0${message}`;
    if (this.#kept.has(key)) return;
    if (this.#kept.size >= PROBLEMS_MAX) this.#droppedCount++;
    else this.#kept.set(key, problem);
  }

  /** Runs `read`; a VmcoreError becomes a problem and `undefined`, any other error goes on. */
  attempt<T>(subject: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof VmcoreError)) throw error;
      this.add(subject, error);
      return undefined;
    }
  }
}
