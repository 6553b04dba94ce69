// The machine code of functions that set TIF_* bits, as gcc compiles them for each flavour. The
// rest of the real functions is what no reader looks at.

import type { ImageFlavour } from './image-flavour.ts';
import { TIF_MEMDIE_BIT, TIF_SIGPENDING_BIT } from './kernel-code.ts';

/** `endbr64`: where indirect branches may come to. */
export const ENDBR64 = [0xf3, 0x0f, 0x1e, 0xfa];
const PUSH_RBX = [0x53];
const POP_RBX = [0x5b];
const MOV_RBX_RDI = [0x48, 0x89, 0xfb];
/** `ret` */
export const RET = [0xc3];
/** `nopl (%rax)` where the real function goes on with what no reader looks at. */
const REST_OF_BODY = [0x0f, 0x1f, 0x00];

/** `lock btsq $bit, (%rdi)`: test_and_set_tsk_thread_flag(). */
function lockBtsq(bit: number): number[] {
  return [0xf0, 0x48, 0x0f, 0xba, 0x2f, bit];
}

/** `lock orb $mask, (%rdi)`: set_tsk_thread_flag() of a bit in the lowest byte. */
function lockOr(bit: number): number[] {
  return [0xf0, 0x80, 0x0f, 1 << bit];
}

/** `jb` over `bytes`: CF is the bit as it was. */
function jumpIfCarry(bytes: readonly number[]): number[] {
  return [0x72, bytes.length];
}

/** Linux 6.1: thread_info is the first member of task_struct. */
export const FLAG_CODE_6_1: ImageFlavour['code'] = {
  signal_wake_up_state: [...ENDBR64, ...lockOr(TIF_SIGPENDING_BIT), ...RET],
  mark_oom_victim: [
    ...ENDBR64,
    ...PUSH_RBX,
    ...MOV_RBX_RDI,
    ...lockBtsq(TIF_MEMDIE_BIT),
    ...jumpIfCarry(REST_OF_BODY),
    ...REST_OF_BODY,
    ...POP_RBX,
    ...RET,
  ],
};

/** `push %rbp; mov %rsp,%rbp; push %rbx`, and its end: CONFIG_FRAME_POINTER. */
const ENTER = [0x55, 0x48, 0x89, 0xe5, ...PUSH_RBX];
const LEAVE = [0x48, 0x8b, 0x5d, 0xf8, 0xc9, ...RET];
/** `mov 0x8(%rdi),%rax; mov %rdi,%rbx; add $0x8,%rax`: &task_thread_info(task)->flags. */
const FLAGS_OF_STACK = [0x48, 0x8b, 0x47, 0x08, ...MOV_RBX_RDI, 0x48, 0x83, 0xc0, 0x08];

/** Linux 4.4: task->stack points to thread_info, whose flags are behind its pointer to the task. */
export const FLAG_CODE_4_4: ImageFlavour['code'] = {
  // lock orb $mask,(%rax)
  signal_wake_up_state: [
    ...ENTER,
    ...FLAGS_OF_STACK,
    ...[0xf0, 0x80, 0x08, 1 << TIF_SIGPENDING_BIT],
    ...LEAVE,
  ],
  // lock btsl $bit,(%rax)
  mark_oom_victim: [
    ...ENTER,
    ...FLAGS_OF_STACK,
    ...[0xf0, 0x0f, 0xba, 0x28, TIF_MEMDIE_BIT],
    ...jumpIfCarry(REST_OF_BODY),
    ...REST_OF_BODY,
    ...LEAVE,
  ],
};
