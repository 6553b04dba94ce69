// A client of QEMU's machine protocol: one JSON object a line over a unix socket. QEMU greets,
// takes `qmp_capabilities` once, then answers each command with `return` or `error`; events come
// between.

import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/** A connection that has been greeted and speaks commands, one at a time. */
export class Qmp {
  readonly #socket: Socket;
  readonly #answers: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  /** Connects to the socket that `-qmp unix:PATH,server=on,wait=off` made. */
  static async connect(path: string): Promise<Qmp> {
    const socket = connect(path);
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const qmp = new Qmp(socket);
    await qmp.#answers.next();
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  /**
   * Runs one command and waits for its end.
   *
   * @throws Error with QEMU's own words if it refuses
   */
  async execute(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    for (;;) {
      const line = await this.#answers.next();
      if (line.done === true) throw new Error(`QEMU hung up during ${command}`);
      const answer = JSON.parse(line.value) as Answer;
      if (answer.error !== undefined) throw new Error(`${command}: ${answer.error.desc}`);
      if ('return' in answer) return answer.return;
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
