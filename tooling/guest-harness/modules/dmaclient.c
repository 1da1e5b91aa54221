// SPDX-License-Identifier: MIT
// A client of the dmaengine: takes a private memcpy channel (idxd's), copies memory through it and checks every byte
// and every completion callback. With `channels` above 1 it takes that many and copies on all of them at once. The work is
// done while the module is inserted, so insmod's status is the result.
#define KBUILD_MODNAME "dmaclient"
#include "kernel.h"

#define MAX_COPIES 65536u
#define MAX_SIZE (1u << 20)
#define MAX_DEPTH 16u
#define MAX_CHANNELS 8u
#define GUARD 64u

static u32 copies = 1000, max_size = 65536, depth = 4, timeout_ms = 10000, seed = 1, channels = 1;

// ---- the kernel's side

void *dma_request_chan_by_mask(const u64 *mask);
void dma_release_channel(void *channel);
void *dma_alloc_attrs(void *device, u64 size, u64 *handle, u32 gfp, u64 attributes);
void dma_free_attrs(void *device, u64 size, void *address, u64 handle, u64 attributes);
void __init_swait_queue_head(void *queue, const char *name, void *key);
u64 wait_for_completion_timeout(void *completion, u64 jiffies);
void complete(void *completion);
u64 __msecs_to_jiffies(u32 milliseconds);
void msleep(u32 milliseconds);

typedef void *prep_memcpy(void *channel, u64 target, u64 source, u64 size, u64 flags);
typedef void issue_pending(void *channel);
typedef s32 tx_submit(void *descriptor);

// ---- one copy at a time per slot, `depth` slots of each channel under way

struct client;

struct slot {
  u8 completion[SIZE_completion] __attribute__((aligned(8)));
  u8 *source, *target;
  u64 source_dma, target_dma;
  u32 index, size, source_offset, target_offset;
  int busy;
  struct client *client;
};

// A channel and what was done with it.
struct client {
  struct slot slots[MAX_DEPTH];
  u8 callbacks_of[MAX_COPIES]; // per copy: one callback each is what we want
  u32 callbacks, failed_results, errors;
  u64 bytes;
  void *channel, *dma_device, *device;
};

static struct client clients[MAX_CHANNELS];

static u64 buffer_size(void) {
  return max_size + 4 * GUARD;
}

// Called by the driver from its interrupt thread.
static void on_complete(void *parameter, const void *result) {
  struct slot *slot = parameter;
  struct client *client = slot->client;
  __atomic_fetch_add(&client->callbacks, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&client->callbacks_of[slot->index], 1, __ATOMIC_RELAXED);
  if (result && MEMBER(u32, result, OFFSET_dmaengine_result_result) != DMA_TRANS_NOERROR)
    __atomic_fetch_add(&client->failed_results, 1, __ATOMIC_RELAXED);
  complete(slot->completion);
}

static u64 random_state;

static u64 random_next(void) { // xorshift64
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  return random_state ^= random_state << 17;
}

// Sizes where things go wrong first, then any size with small ones as likely as large ones.
static u32 pick_size(u32 index) {
  static const u32 edges[] = { 1, 2, 3, 7, 8, 9, 31, 32, 33, 63, 64, 65, 4095, 4096, 4097, 8191, 65535, 65536 };
  u32 size;
  if (index < ARRAY_SIZE(edges)) size = edges[index];
  else size = (u32)(random_next() % (1ull << (1 + random_next() % 20))) + 1;
  return size > max_size ? 1 + size % max_size : size;
}

// Of each channel its own, so that data of another is wrong data.
static u8 pattern(const struct slot *slot, u32 at) {
  return (u8)((at * 167u) ^ (at >> 8) ^ (slot->index * 29u) ^ (seed + (u32)(slot->client - clients) * 57u));
}

static u8 filler(u32 index) {
  return (u8)(0xa5 ^ index);
}

static void prepare_buffers(struct slot *slot, u32 index) {
  slot->index = index;
  slot->size = pick_size(index);
  slot->source_offset = (u32)(random_next() % GUARD);
  slot->target_offset = GUARD + (u32)(random_next() % GUARD);
  memset(slot->target, filler(index), buffer_size());
  for (u32 i = 0; i < slot->size; i++) slot->source[slot->source_offset + i] = pattern(slot, i);
}

static int submit(struct slot *slot, u32 index) {
  struct client *client = slot->client;
  prepare_buffers(slot, index);
  MEMBER(u32, slot->completion, OFFSET_completion_done) = 0;
  prep_memcpy *prepare = MEMBER(prep_memcpy *, client->dma_device, OFFSET_dma_device_device_prep_dma_memcpy);
  void *tx = prepare(client->channel, slot->target_dma + slot->target_offset, slot->source_dma + slot->source_offset, slot->size, DMA_PREP_INTERRUPT);
  if (!tx) {
    pr_err("copy %u: the channel gives no descriptor for %u bytes", index, slot->size);
    return -EIO;
  }
  MEMBER(void *, tx, OFFSET_dma_async_tx_descriptor_callback_result) = on_complete;
  MEMBER(void *, tx, OFFSET_dma_async_tx_descriptor_callback_param) = slot;
  s32 cookie = MEMBER(tx_submit *, tx, OFFSET_dma_async_tx_descriptor_tx_submit)(tx);
  if (cookie < 0) {
    pr_err("copy %u: submission failed with %d", index, cookie);
    return cookie;
  }
  slot->busy = 1;
  MEMBER(issue_pending *, client->dma_device, OFFSET_dma_device_device_issue_pending)(client->channel);
  return 0;
}

static void complain(struct slot *slot, const char *what, s64 at) {
  if (++slot->client->errors <= 10) pr_err("copy %u of %u bytes: %s at byte %ld", slot->index, slot->size, what, at);
}

// Every byte of the target buffer: the copy itself, and that nothing around it was touched.
static void verify(struct slot *slot) {
  u32 end = slot->target_offset + slot->size;
  for (u32 i = 0; i < buffer_size(); i++) {
    int inside = i >= slot->target_offset && i < end;
    u8 expected = inside ? pattern(slot, i - slot->target_offset) : filler(slot->index);
    if (slot->target[i] != expected)
      return complain(slot, inside ? "wrong data" : "guard overwritten", (s64)i - slot->target_offset);
  }
  for (u32 i = 0; i < slot->size; i++)
    if (slot->source[slot->source_offset + i] != pattern(slot, i)) return complain(slot, "source changed", i);
  slot->client->bytes += slot->size;
}

static int finish(struct slot *slot) {
  if (!slot->busy) return 0;
  if (!wait_for_completion_timeout(slot->completion, __msecs_to_jiffies(timeout_ms))) {
    pr_err("copy %u of %u bytes: no callback within %u ms", slot->index, slot->size, timeout_ms);
    return -ETIMEDOUT;
  }
  slot->busy = 0;
  verify(slot);
  return 0;
}

// One copy on each channel in turn.
static int copy_all(void) {
  for (u32 index = 0; index < copies; index++) {
    for (u32 i = 0; i < channels; i++) {
      struct slot *slot = &clients[i].slots[index % depth];
      int status = finish(slot);
      if (!status) status = submit(slot, index);
      if (status) return status;
    }
  }
  for (u32 at = 0; at < depth; at++) {
    for (u32 i = 0; i < channels; i++) {
      int status = finish(&clients[i].slots[at]);
      if (status) return status;
    }
  }
  return 0;
}

static int allocate(struct client *client) {
  static u8 lock_class_key[64];
  for (u32 i = 0; i < depth; i++) {
    struct slot *slot = &client->slots[i];
    slot->client = client;
    __init_swait_queue_head(slot->completion + OFFSET_completion_wait, "dmaclient", lock_class_key);
    slot->source = dma_alloc_attrs(client->device, buffer_size(), &slot->source_dma, GFP_KERNEL, 0);
    slot->target = dma_alloc_attrs(client->device, buffer_size(), &slot->target_dma, GFP_KERNEL, 0);
    if (!slot->source || !slot->target) return -ENOMEM;
  }
  return 0;
}

static void release(struct client *client) {
  for (u32 i = 0; i < depth; i++) {
    struct slot *slot = &client->slots[i];
    if (slot->busy) continue; // the device may still write there
    if (slot->source) dma_free_attrs(client->device, buffer_size(), slot->source, slot->source_dma, 0);
    if (slot->target) dma_free_attrs(client->device, buffer_size(), slot->target, slot->target_dma, 0);
  }
}

static void count_callbacks(struct client *client) {
  if (client->callbacks != copies) client->errors++, pr_err("%u callbacks for %u copies", client->callbacks, copies);
  for (u32 i = 0; i < copies; i++)
    if (client->callbacks_of[i] != 1 && ++client->errors <= 10) pr_err("copy %u: %u callbacks", i, client->callbacks_of[i]);
  if (client->failed_results) {
    client->errors += client->failed_results;
    pr_err("%u callbacks reported a failure", client->failed_results);
  }
}

static int take_channel(struct client *client) {
  u64 mask[4] = { 0 };
  mask[DMA_MEMCPY / 64] = 1ul << (DMA_MEMCPY % 64);
  void *channel = dma_request_chan_by_mask(mask);
  if ((u64)channel >= (u64)-4095) {
    pr_err("no free memcpy channel (%ld): enable a kernel work queue first", (s64)channel);
    return (int)(s64)channel;
  }
  client->channel = channel;
  client->dma_device = MEMBER(void *, channel, OFFSET_dma_chan_device);
  client->device = MEMBER(void *, client->dma_device, OFFSET_dma_device_dev);
  return allocate(client);
}

static void report(const struct client *client) {
  const char *device = MEMBER(const char *, client->device, OFFSET_device_kobj + OFFSET_kobject_name);
  if (channels == 1) pr_info("copies=%u callbacks=%u bytes=%lu errors=%u", copies, client->callbacks, client->bytes, client->errors);
  else pr_info("copies=%u callbacks=%u bytes=%lu errors=%u device=%s", copies, client->callbacks, client->bytes, client->errors, device);
}

static int start(void) {
  int status = 0;
  if (!copies || copies > MAX_COPIES || !max_size || max_size > MAX_SIZE || !depth || depth > MAX_DEPTH || !channels || channels > MAX_CHANNELS) {
    pr_err("copies 1..%u, max_size 1..%u, depth 1..%u, channels 1..%u", MAX_COPIES, MAX_SIZE, MAX_DEPTH, MAX_CHANNELS);
    return -EINVAL;
  }
  random_state = 0x9e3779b97f4a7c15 ^ seed;
  for (u32 i = 0; i < channels && !status; i++) status = take_channel(&clients[i]);
  int started = !status;
  if (started) status = copy_all();
  if (!status) msleep(50); // a completion reported twice may come late
  for (u32 i = 0; i < channels; i++) {
    struct client *client = &clients[i];
    if (!client->channel) continue;
    if (!status) count_callbacks(client);
    else client->errors++;
    dma_release_channel(client->channel); // waits for what is still under way
    release(client);
    if (started) report(client);
  }
  for (u32 i = 0; i < channels && !status; i++)
    if (clients[i].errors) status = -EIO;
  return status;
}

static void stop(void) {
}

DECLARE_MODULE(start, stop);
MODULE_INFO("description", "copies memory through a dmaengine channel and checks data and callbacks");
MODULE_PARAM(copies, 0444);
MODULE_PARAM(max_size, 0444);
MODULE_PARAM(depth, 0444);
MODULE_PARAM(timeout_ms, 0444);
MODULE_PARAM(seed, 0444);
MODULE_PARAM(channels, 0444);
