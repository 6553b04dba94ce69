// Return addresses that a tracer has replaced. The function graph tracer and return probes write
// the address of a trampoline of theirs over a return address on the stack, and keep the true one
// with the address of the word that they took it from:
//
//   trampoline                  task_struct                 where the word was   the true address
//   return_to_handler           ret_stack[0..curr_ret_stack]   .retp             .ret
//   arch_rethook_trampoline     rethooks → rethook_node        .frame            .ret_addr
//   *kretprobe_trampoline       kretprobe_instances →          .fp               .ret_addr
//                                 kretprobe_instance
//
// (ftrace_graph_ret_addr() in kernel/trace/fgraph.c, rethook_find_ret_addr() in
// kernel/trace/rethook.c, arch/x86/kernel/rethook.c of Linux 6.1.) Only what was taken from the
// very word is believed: each proves its frame, and no order of calls is taken for granted.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { vaddr, type Vaddr } from '../util/address.ts';

/** What a return address that a tracer replaced has been. */
export interface ReturnHooks {
  /** Whether an address is that of a trampoline. */
  readonly isTrampoline: (address: Vaddr) => boolean;
  /** The address that was in a word of the task's stack; undefined where nothing proves it. */
  readonly trueAddress: (word: Vaddr) => Vaddr | undefined;
}

/** A stack on which nothing was replaced. */
export const NO_HOOKS: ReturnHooks = {
  isTrampoline: () => false,
  trueAddress: () => undefined,
};

const TRAMPOLINES = [
  'return_to_handler',
  'arch_rethook_trampoline',
  '__kretprobe_trampoline',
  'kretprobe_trampoline',
];

/** The depth of a stack has room for fewer; ftrace keeps 50 a task. */
const HOOKS_MAX = 512;

/** The kinds of nodes on lists of a task, and where in them is what. */
const LISTS = [
  { list: 'rethooks', node: 'rethook_node', word: 'frame' },
  { list: 'kretprobe_instances', node: 'kretprobe_instance', word: 'fp' },
] as const;

/** Finds what tracers replaced, on the stacks of one vmcore. */
export class ReturnHookReader {
  readonly #vmcore: Vmcore;
  readonly #trampolines: ReadonlySet<bigint>;

  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
    const found = TRAMPOLINES.map((name) => vmcore.symbols.lookup(name));
    this.#trampolines = new Set(found.filter((address) => address !== undefined));
  }

  /** Those of a task; they are read when its stack comes to a trampoline. */
  of(task: Vaddr): ReturnHooks {
    if (this.#trampolines.size === 0) return NO_HOOKS;
    let replaced: ReadonlyMap<bigint, Vaddr> | undefined;
    return {
      isTrampoline: (address) => this.#trampolines.has(address),
      trueAddress: (word) => (replaced ??= this.#read(task)).get(word),
    };
  }

  /** By the word that each was taken from, the true return addresses. */
  #read(task: Vaddr): Map<bigint, Vaddr> {
    const { problems } = this.#vmcore;
    const replaced = new Map<bigint, Vaddr>();
    // Two probes of one function both took from one word; the second has the trampoline of the
    // first.
    const add = (word: Vaddr, address: Vaddr): void => {
      if (!this.#trampolines.has(address)) replaced.set(word, address);
    };
    problems.attempt('return addresses of tracers', () => {
      const object = this.#vmcore.object('task_struct', task);
      addGraphCalls(object, add);
      for (const kind of LISTS) this.#addListed(object, kind, add);
    });
    return replaced;
  }

  #addListed(
    task: Ref,
    { list, node: name, word }: (typeof LISTS)[number],
    add: (word: Vaddr, address: Vaddr) => void,
  ): void {
    const type = this.#vmcore.types.find('struct', name);
    if (!task.has(`${list}.first`) || type?.kind !== 'struct') return;
    let link = task.member(`${list}.first`).deref();
    for (let count = 0; link.address !== 0n && count < HOOKS_MAX; count++) {
      const node = link.containerOf(type, 'llist');
      // A kretprobe_instance around a rethook_node has none of these itself.
      if (!node.has(word) || !node.has('ret_addr')) return;
      add(node.member(word).pointer(), node.member('ret_addr').pointer());
      link = link.member('next').deref();
    }
  }
}

/** Not where ret_stack is an array of plain words: entries of it have no fixed places. */
function addGraphCalls(task: Ref, add: (word: Vaddr, address: Vaddr) => void): void {
  if (!task.has('ret_stack') || !task.has('curr_ret_stack')) return;
  const calls = task.member('ret_stack').deref();
  if (calls.address === 0n || !calls.has('retp') || !calls.has('ret')) return;
  const count = Math.min(task.member('curr_ret_stack').number() + 1, HOOKS_MAX);
  for (let i = 0; i < count; i++) {
    const call = task.member('ret_stack').at(i);
    add(vaddr(call.member('retp').pointer()), call.member('ret').pointer());
  }
}
