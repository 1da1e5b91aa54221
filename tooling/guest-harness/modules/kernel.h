// SPDX-License-Identifier: MIT
// The little of the kernel's interface the test modules use, without kernel headers: exported functions are declared,
// structures are reached through sizes and offsets that the build reads from the kernel's own type information
// (layout.h, generated per kernel).
#pragma once
#include "layout.h"

typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long u64;
typedef long s64;

#define NULL ((void *)0)
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

// A member of a kernel structure we know by offset only.
#define MEMBER(type, base, offset) (*(type *)((u8 *)(base) + (offset)))

#define EIO 5
#define EINVAL 22
#define ENOMEM 12
#define ETIMEDOUT 110

int _printk(const char *format, ...);
#define pr_info(format, ...) _printk("\001" "6" KBUILD_MODNAME ": " format "\n", ##__VA_ARGS__)
#define pr_err(format, ...) _printk("\001" "3" KBUILD_MODNAME ": " format "\n", ##__VA_ARGS__)

void *memcpy(void *to, const void *from, u64 size);
void *memset(void *to, int value, u64 size);

// ---- what makes an object file a module

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define MODULE_INFO(tag, text) \
  static const char JOIN(module_info_, __COUNTER__)[] \
    __attribute__((section(".modinfo"), used, aligned(1))) = tag "=" text

// struct module with the three members a module itself fills in.
struct this_module {
  u8 before_name[OFFSET_module_name];
  char name[MODULE_NAME_SIZE];
  u8 before_init[OFFSET_module_init - OFFSET_module_name - MODULE_NAME_SIZE];
  int (*init)(void);
  u8 before_exit[OFFSET_module_exit - OFFSET_module_init - 8];
  void (*exit)(void);
  u8 rest[SIZE_module - OFFSET_module_exit - 8];
} __attribute__((packed));

extern struct this_module __this_module;

#define DECLARE_MODULE(init_function, exit_function) \
  MODULE_INFO("license", "Dual MIT/GPL"); \
  MODULE_INFO("name", KBUILD_MODNAME); \
  MODULE_INFO("depends", ""); \
  MODULE_INFO("vermagic", VERMAGIC); \
  struct this_module __this_module \
    __attribute__((section(".gnu.linkonce.this_module"), used, aligned(64))) = { \
      .name = KBUILD_MODNAME, .init = init_function, .exit = exit_function }

// ---- module parameters (struct kernel_param), all unsigned int

struct kernel_param {
  const char *name;
  void *module;
  const void *ops;
  u16 perm;
  s8 level;
  u8 flags;
  u32 *arg;
};
_Static_assert(sizeof(struct kernel_param) == SIZE_kernel_param, "struct kernel_param has changed");
_Static_assert(__builtin_offsetof(struct kernel_param, ops) == OFFSET_kernel_param_ops, "kernel_param.ops moved");
_Static_assert(__builtin_offsetof(struct kernel_param, perm) == OFFSET_kernel_param_perm, "kernel_param.perm moved");
_Static_assert(__builtin_offsetof(struct kernel_param, arg) == OFFSET_kernel_param_arg, "kernel_param.arg moved");

extern const u8 param_ops_uint[];

#define MODULE_PARAM(variable, mode) \
  static const struct kernel_param JOIN(param_, variable) \
    __attribute__((section("__param"), used, aligned(8))) = { \
      .name = #variable, .module = &__this_module, .ops = param_ops_uint, .perm = mode, .level = -1, .arg = &variable }
