// Processes that run cases side by side: each case is a CPU's work for some seconds, and nothing
// that they have is shared.

import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { CampaignCase } from './cases.ts';
import type { CaseResult } from './run-case.ts';
import type { Answer } from './worker.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

interface Job {
  readonly each: CampaignCase;
  readonly settle: (answer: Answer) => void;
}

/** A process for each CPU. */
export class CasePool {
  readonly #workers: ChildProcess[] = [];
  readonly #waiting: Job[] = [];

  /** Starts them. */
  constructor(size = availableParallelism()) {
    for (let i = 0; i < size; i++) this.#start();
  }

  /** Runs a case as soon as a process is free. @throws Error with what has failed in it */
  async run(each: CampaignCase): Promise<CaseResult> {
    const answer = await new Promise<Answer>((settle) => {
      this.#waiting.push({ each, settle });
      this.#idle.pop()?.();
    });
    if ('result' in answer) return answer.result;
    throw new Error(answer.failure);
  }

  /** Ends the processes. */
  stop(): void {
    for (const worker of this.#workers) worker.kill();
  }

  /** One function for each process that waits for a case. */
  readonly #idle: (() => void)[] = [];

  #start(): void {
    const worker = fork(WORKER, { execArgv: ['--import=tsx'] });
    this.#workers.push(worker);
    let job: Job | undefined;
    const next = (): void => {
      job = this.#waiting.shift();
      if (job === undefined) this.#idle.push(next);
      else worker.send(job.each);
    };
    worker.on('message', (answer: Answer) => {
      job?.settle(answer);
      next();
    });
    worker.on('exit', (code, signal) => {
      job?.settle({ failure: `the worker ended: ${signal ?? `exit code ${code}`}` });
    });
    next();
  }
}
