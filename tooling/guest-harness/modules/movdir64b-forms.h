// SPDX-License-Identifier: MIT
// MOVDIR64B in the addressing forms compilers emit, and their check; shared by the self tests in kernel and user mode.
// Each form moves the 64 bytes at `source` to `target`, which is 64-byte aligned.
#pragma once

static void form_plain(const unsigned char *source, unsigned char *target) {
  __asm__ volatile("movdir64b (%%rsi), %%rdi" : : "S"(source), "D"(target) : "memory");
}

// r12 as base needs a SIB byte.
static void form_sib_disp8(const unsigned char *source, unsigned char *target) {
  __asm__ volatile("mov %%rax, %%r12\n movdir64b 0x40(%%r12), %%rdx"
                   : : "a"(source - 0x40), "d"(target) : "r12", "memory");
}

static void form_index_disp32(const unsigned char *source, unsigned char *target) {
  __asm__ volatile("mov %%rdx, %%r15\n movdir64b 0x1000(%%rax,%%rcx,8), %%r15"
                   : : "a"(source - 0x1000 - 8 * 5), "c"(5L), "d"(target) : "r15", "memory");
}

// r13 shares its encoding with rbp: it is never without a displacement.
static void form_r13(const unsigned char *source, unsigned char *target) {
  __asm__ volatile("mov %%rax, %%r13\n movdir64b (%%r13), %%rdx" : : "a"(source), "d"(target) : "r13", "memory");
}

static void form_negative_disp8(const unsigned char *source, unsigned char *target) {
  __asm__ volatile("mov %%rdx, %%r9\n movdir64b -0x18(%%rcx), %%r9" : : "c"(source + 0x18), "d"(target) : "r9", "memory");
}

// Index without base: the encoding of base 5 with mod 0.
static void form_index_only(const unsigned char *source, unsigned char *target) {
  __asm__ volatile("movdir64b 0x20(,%%rcx,1), %%rdx" : : "c"(source - 0x20), "d"(target) : "memory");
}

static unsigned char form_rip_source[64];

static void form_rip(const unsigned char *source, unsigned char *target) {
  for (int i = 0; i < 64; i++) form_rip_source[i] = source[i];
  __asm__ volatile("movdir64b %c1(%%rip), %%rdx" : : "d"(target), "i"(form_rip_source) : "memory");
}

static void (*const forms[])(const unsigned char *, unsigned char *) = {
  form_plain, form_sib_disp8, form_index_disp32, form_r13, form_negative_disp8, form_index_only, form_rip,
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

// How many forms moved exactly the 64 bytes, nothing before and nothing behind them.
static int forms_passed(void) {
  static unsigned char area[192] __attribute__((aligned(64)));
  static unsigned char source[64 + 1];
  int passed = 0;
  for (int form = 0; form < FORMS; form++) {
    int wrong = 0;
    // The source needs no alignment, so it gets none.
    for (int i = 0; i < 64; i++) source[1 + i] = (unsigned char)(i * 37 + form * 11 + 1);
    for (int i = 0; i < 192; i++) ((volatile unsigned char *)area)[i] = 0xee;
    forms[form](source + 1, area + 64);
    for (int i = 0; i < 192; i++) wrong += area[i] != (i < 64 || i >= 128 ? 0xee : source[1 + i - 64]);
    passed += wrong == 0;
  }
  return passed;
}
