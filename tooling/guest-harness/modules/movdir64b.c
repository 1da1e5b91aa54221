// SPDX-License-Identifier: MIT
// MOVDIR64B on a CPU that lacks it (QEMU's TCG): idxd submits with nothing else and refuses to load without the CPU's
// feature bit. The bit is set for modules loaded from now on, and the invalid-opcode trap the instruction then causes
// is answered by doing its work: read 64 bytes, store them as eight ascending 8-byte stores. So a device sees eight
// writes instead of one; atomicity cannot be shown this way.
#define KBUILD_MODNAME "movdir64b"
#include "kernel.h"
#include "movdir64b-forms.h"

#define DIE_TRAP 8
#define TRAP_INVALID_OPCODE 6
#define NOTIFY_DONE 0
#define NOTIFY_STOP 0x8001
#define USER_CS_64 0x33

// X86_FEATURE_MOVDIR64B: word 16 (CPUID leaf 7, ECX), bit 28.
#define FEATURE_WORD 16
#define FEATURE_BIT (1u << 28)

struct notifier_block {
  int (*call)(struct notifier_block *block, u64 event, void *data);
  struct notifier_block *next;
  int priority;
};

int register_die_notifier(struct notifier_block *block);
int unregister_die_notifier(struct notifier_block *block);
extern u8 boot_cpu_data[];

static u32 emulated_kernel, emulated_user;

// ---- memory of either mode

static int load_u8(int user, u64 address, u8 *value) {
  if (!user) return *value = *(const volatile u8 *)address, 0;
  // The kernel's own accessor: address in rax; error in eax, value in rdx. Faults in what is not there.
  u64 result = address, data;
  __asm__ volatile("call __get_user_1" : "+a"(result), "=d"(data) : : "rcx", "memory", "cc");
  return *value = (u8)data, (int)result;
}

static int load_u64(int user, u64 address, u64 *value) {
  if (!user) return *value = *(const volatile u64 *)address, 0;
  u64 result = address, data;
  __asm__ volatile("call __get_user_8" : "+a"(result), "=d"(data) : : "rcx", "memory", "cc");
  return *value = data, (int)result;
}

// One 8-byte store and never smaller ones: a portal ignores those.
static int store_u64(int user, u64 address, u64 value) {
  if (!user) return *(volatile u64 *)address = value, 0;
  u64 result = address;
  __asm__ volatile("call __put_user_8" : "+c"(result) : "a"(value) : "rbx", "rdx", "memory", "cc");
  return (int)result;
}

// ---- 66 [REX] 0F 38 F8 /r: the destination address is in a register, the source is a memory operand

struct instruction {
  int user;
  void *regs;
  u64 at; // next byte to read
  u8 rex;
  int address32;
  int failed;
};

static u8 next(struct instruction *in) {
  u8 byte = 0;
  if (load_u8(in->user, in->at++, &byte)) in->failed = 1;
  return byte;
}

static u64 reg(const struct instruction *in, unsigned number) {
  static const u16 offsets[] = {
    OFFSET_pt_regs_ax, OFFSET_pt_regs_cx, OFFSET_pt_regs_dx, OFFSET_pt_regs_bx,
    OFFSET_pt_regs_sp, OFFSET_pt_regs_bp, OFFSET_pt_regs_si, OFFSET_pt_regs_di,
    OFFSET_pt_regs_r8, OFFSET_pt_regs_r9, OFFSET_pt_regs_r10, OFFSET_pt_regs_r11,
    OFFSET_pt_regs_r12, OFFSET_pt_regs_r13, OFFSET_pt_regs_r14, OFFSET_pt_regs_r15,
  };
  return MEMBER(u64, in->regs, offsets[number]);
}

static s64 displacement(struct instruction *in, int bytes) {
  u32 value = 0;
  for (int i = 0; i < bytes; i++) value |= (u32)next(in) << (8 * i);
  return bytes == 1 ? (s8)value : (s32)value;
}

// Prefixes and opcode; 0 when it is another instruction. Segment overrides are refused: no user of the instruction has one.
static int opcode(struct instruction *in) {
  int operand16 = 0;
  u8 byte = next(in);
  for (int i = 0; i < 4 && (byte == 0x66 || byte == 0x67); i++) {
    if (byte == 0x66) operand16 = 1;
    else in->address32 = 1;
    byte = next(in);
  }
  if ((byte & 0xf0) == 0x40) {
    in->rex = byte;
    byte = next(in);
  }
  return operand16 && byte == 0x0f && next(in) == 0x38 && next(in) == 0xf8 && !in->failed;
}

// ModRM, SIB and displacement, as in the architecture manual, volume 2, section 2.1. 0 when the operand is a register.
static int operands(struct instruction *in, u64 *source, u64 *target) {
  u8 modrm = next(in);
  unsigned mod = modrm >> 6, rm = modrm & 7;
  u64 address = 0;
  int bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0, relative = 0;
  if (mod == 3) return 0;
  if (rm == 4) {
    u8 sib = next(in);
    unsigned index = ((sib >> 3) & 7) | (in->rex & 2) << 2;
    if (index != 4) address = reg(in, index) << (sib >> 6);
    if ((sib & 7) == 5 && mod == 0) bytes = 4;
    else address += reg(in, (sib & 7) | (in->rex & 1) << 3);
  } else if (rm == 5 && mod == 0) {
    bytes = 4;
    relative = 1;
  } else {
    address = reg(in, rm | (in->rex & 1) << 3);
  }
  address += displacement(in, bytes);
  if (relative) address += in->at; // of the following instruction: nothing comes behind the displacement
  *target = reg(in, ((modrm >> 3) & 7) | (in->rex & 4) << 1);
  if (in->address32) address = (u32)address, *target = (u32)*target;
  *source = address;
  return !in->failed;
}

static int emulate(void *regs) {
  u64 cs = MEMBER(u16, regs, OFFSET_pt_regs_cs), source, target, line[8];
  struct instruction in = { .user = (cs & 3) == 3, .regs = regs, .at = MEMBER(u64, regs, OFFSET_pt_regs_ip) };
  if (in.user && cs != USER_CS_64) return 0;
  if (!opcode(&in) || !operands(&in, &source, &target) || target % 64 != 0) return 0;
  for (int i = 0; i < 8; i++)
    if (load_u64(in.user, source + 8 * i, &line[i])) return 0;
  for (int i = 0; i < 8; i++)
    if (store_u64(in.user, target + 8 * i, line[i])) return 0;
  MEMBER(u64, regs, OFFSET_pt_regs_ip) = in.at;
  __atomic_fetch_add(in.user ? &emulated_user : &emulated_kernel, 1, __ATOMIC_RELAXED);
  return 1;
}

static int on_trap(struct notifier_block *block, u64 event, void *data) {
  (void)block;
  if (event != DIE_TRAP || MEMBER(int, data, OFFSET_die_args_trapnr) != TRAP_INVALID_OPCODE) return NOTIFY_DONE;
  return emulate(MEMBER(void *, data, OFFSET_die_args_regs)) ? NOTIFY_STOP : NOTIFY_DONE;
}

static struct notifier_block notifier = { .call = on_trap };

static u32 *feature_word(void) {
  return &MEMBER(u32, boot_cpu_data, OFFSET_cpuinfo_x86_x86_capability + 4 * FEATURE_WORD);
}

static int start(void) {
  if (*feature_word() & FEATURE_BIT) {
    pr_info("this CPU has the instruction, nothing to emulate");
    return 0;
  }
  register_die_notifier(&notifier);
  int passed = forms_passed();
  pr_info("self test %d of %d addressing forms", passed, FORMS);
  if (passed != FORMS) {
    unregister_die_notifier(&notifier);
    return -EIO;
  }
  *feature_word() |= FEATURE_BIT;
  return 0;
}

// No exit: once idxd's checks are patched to "present", taking the emulation away would be a trap without an answer.
DECLARE_MODULE(start, NULL);
MODULE_INFO("description", "MOVDIR64B by trapping the invalid opcode");
MODULE_PARAM(emulated_kernel, 0444);
MODULE_PARAM(emulated_user, 0444);
