// SPDX-License-Identifier: MIT
// The self test in user mode: exit status 0 when every addressing form worked, else the number of those that did not.
// With argument "unaligned" it does what the instruction forbids, and must die of a signal.
#include "movdir64b-forms.h"

static void leave(long status) {
  __asm__ volatile("syscall" : : "a"(60L), "D"(status) : "rcx", "r11", "memory");
  __builtin_unreachable();
}

__attribute__((used)) static void start(const long *stack) {
  static unsigned char area[128] __attribute__((aligned(64)));
  if (stack[0] > 1) form_plain(area, area + 8);
  leave(FORMS - forms_passed());
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
