// What user space does: endless programs that the scenarios put together.

import type { Code } from './core/code.ts';
import { page_fault, syscall } from './kernel/entry.ts';
import { __x64_sys_write, type Write } from './fs/file-system.ts';
import type { Kernel } from './core/kernel.ts';
import type { Page } from './mm/mmzone.ts';
import { passTime } from './kernel/sched.ts';
import { __x64_sys_nanosleep } from './core/time.ts';
import { __x64_sys_mmap, __x64_sys_mremap, __x64_sys_munmap, type Mapping } from './mm/mmap.ts';

/** A program. */
export type Program = (k: Kernel) => Code;

/** Sleeps, wakes and touches a few pages of its text: every daemon. */
export function daemon(options: { sleepUs: number; filePages: number }): Program {
  return function* (k) {
    for (;;) {
      const { mm } = k.current;
      for (const page of mm?.filePages ?? []) page.referenced = true;
      while (mm !== undefined && mm.filePages.size < options.filePages)
        yield* page_fault(k, 'file');
      yield* syscall(k, __x64_sys_nanosleep, options.sleepUs);
    }
  };
}

/** Touches anonymous memory page after page, with a nap after each batch, up to a limit. */
export function eater(options: { pages: number; batch: number; sleepUs: number }): Program {
  return function* (k) {
    for (;;) {
      const { mm } = k.current;
      const size = (mm?.anonPages.size ?? 0) + (mm?.swapSlots.size ?? 0);
      for (let i = 0; i < options.batch && size + i < options.pages; i++) {
        yield* page_fault(k, 'anon');
      }
      yield* passTime(k);
      yield* syscall(k, __x64_sys_nanosleep, options.sleepUs);
    }
  };
}

/** An {@link eater} that goes through its memory again and again, and so misses what is swapped. */
export function walker(options: { pages: number; batch: number; sleepUs: number }): Program {
  return function* (k) {
    for (let i = 0; i < options.pages; i++) yield* page_fault(k, 'anon');
    let walk: Iterator<Page, undefined> | undefined;
    for (;;) {
      const { mm } = k.current;
      if (mm === undefined) return;
      for (let i = 0; i < options.batch; i++) {
        // Each page is as likely as any other to be the next; the oldest of the missing is it.
        const isMissing = k.prng.below(options.pages) < mm.swapSlots.size;
        if (isMissing) yield* page_fault(k, 'swap');
        else {
          walk ??= mm.anonPages.values();
          const next: IteratorResult<Page, undefined> = walk.next();
          if (next.done === true) walk = undefined;
          else next.value.referenced = true;
        }
      }
      yield* passTime(k);
      yield* syscall(k, __x64_sys_nanosleep, options.sleepUs);
    }
  };
}

/** Writes to a file again and again. */
export function writer(options: Write & { sleepUs: number }): Program {
  const { sleepUs, ...write } = options;
  return function* (k) {
    for (;;) {
      yield* syscall(k, __x64_sys_write, write);
      yield* syscall(k, __x64_sys_nanosleep, sleepUs);
    }
  };
}

/** Grows to its size before it goes on with another program. */
export function grown(pages: number, program: Program): Program {
  return function* (k) {
    for (let i = 0; i < pages; i++) yield* page_fault(k, 'anon');
    yield* program(k);
  };
}

/** Moves a range of its memory to and fro, as realloc() does. */
export function remapper(options: Mapping & { sleepUs: number }): Program {
  const { sleepUs, ...mapping } = options;
  return function* (k) {
    for (;;) {
      yield* syscall(k, __x64_sys_mremap, mapping);
      yield* syscall(k, __x64_sys_nanosleep, sleepUs);
    }
  };
}

/** Maps a range, touches a part of it and unmaps it again. */
export function mapper(options: Mapping & { touched: number; sleepUs: number }): Program {
  const { touched, sleepUs, ...mapping } = options;
  return function* (k) {
    for (;;) {
      yield* syscall(k, __x64_sys_mmap, mapping);
      for (let i = 0; i < touched; i++) yield* page_fault(k, 'anon');
      yield* syscall(k, __x64_sys_munmap, { pages: touched });
      yield* syscall(k, __x64_sys_nanosleep, sleepUs);
    }
  };
}

/** Begins after some time. */
export function later(us: number, program: Program): Program {
  return function* (k) {
    yield* syscall(k, __x64_sys_nanosleep, us);
    yield* program(k);
  };
}

/** Begins after the OOM killer has killed so many, and a while: the next child of a test. */
export function afterKills(kills: number, program: Program): Program {
  return function* (k) {
    do yield* syscall(k, __x64_sys_nanosleep, CHILD_US);
    while (k.oomKills < kills);
    yield* program(k);
  };
}

/** How long a child takes to come. */
const CHILD_US = 150_000;

/** An {@link eater} that looks each second whether memory is gone, and begins its work then. */
export function lateEater(options: { pages: number; batch: number; sleepUs: number }): Program {
  return function* (k) {
    // The reserve of the zone below it is not for user space.
    const [zone] = k.node.zones;
    while (zone !== undefined && zone.freePages > zone.watermark.min) {
      yield* syscall(k, __x64_sys_nanosleep, LATE_US);
    }
    yield* eater(options)(k);
  };
}

/** How often a {@link lateEater} looks, in microseconds. */
const LATE_US = 1_000_000;
