// Runs our command line in a process of its own, which is started once for a whole table of cases:
// a hang can be ended and an exhausted memory seen, which a test in this process could not do.
//
// The child writes with writeSync to descriptors 1 and 2. They are files here, so that all that was
// written is there when the child says that it is done.

import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What one command line did. */
export interface CliOutcome {
  /** undefined where the process had to be ended or died. */
  readonly exitCode: number | undefined;
  /** Why there is no exit code: `hang`, `exit 1`, `SIGSEGV`. */
  readonly died: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
  /** The most memory that the process has had since it was started. */
  readonly maxRssKib: number;
}

/** What {@link CliRunner.run} waits for at most. */
const TIME_MAX_MS = 50_000;

/** One process that runs command lines, one at a time. */
export class CliRunner {
  /** A folder for the files of the tests; gone after {@link stop}. */
  readonly folder = mkdtempSync(join(tmpdir(), 'stallcore-cli-'));
  readonly #outputs = ['stdout', 'stderr'].map((name) => join(this.folder, `.${name}`));
  readonly #fds = this.#outputs.map((path) => openSync(path, 'a+'));
  #child: ChildProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Runs one command line, after those that were asked for before it: the child's answers do not
   * say which question they belong to. The child is started again where the one before has died.
   */
  run(argv: readonly string[]): Promise<CliOutcome> {
    const outcome = this.#last.then(() => this.#runNow(argv));
    this.#last = outcome.catch(() => undefined);
    return outcome;
  }

  async #runNow(argv: readonly string[]): Promise<CliOutcome> {
    for (const fd of this.#fds) ftruncateSync(fd, 0);
    const child = (this.#child ??= this.#start());
    const answer = await answerOf(child, argv);
    if (answer.died !== undefined) {
      child.kill('SIGKILL');
      this.#child = undefined;
    }
    const [stdout = '', stderr = ''] = this.#outputs.map((path) => readFileSync(path, 'utf8'));
    return { ...answer, stdout, stderr };
  }

  /** Ends the process and removes its folder. */
  stop(): void {
    this.#child?.kill();
    for (const fd of this.#fds) closeSync(fd);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #start(): ChildProcess {
    const [out, error] = this.#fds as [number, number];
    return fork(fileURLToPath(new URL('cli-child.ts', import.meta.url)), {
      execArgv: ['--import=tsx'],
      stdio: ['ignore', out, error, 'ipc'],
    });
  }
}

type Answer = Omit<CliOutcome, 'stdout' | 'stderr'>;

function answerOf(child: ChildProcess, argv: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    const done = (answer: Partial<Answer>): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      resolve({ exitCode: undefined, died: undefined, elapsedMs: 0, maxRssKib: 0, ...answer });
    };
    const timer = setTimeout(() => done({ died: 'hang', elapsedMs: TIME_MAX_MS }), TIME_MAX_MS);
    child.once('message', (answer: Answer) => done(answer));
    child.once('exit', (code, signal) => done({ died: signal ?? `exit ${code}` }));
    child.send(argv);
  });
}
