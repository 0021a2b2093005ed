#include "isplit_wire.h"

#include <string.h>

static void put16(uint8_t *at, uint32_t v) {
  at[0] = (uint8_t)v;
  at[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *at, uint32_t v) {
  put16(at, v);
  put16(at + 2, v >> 16);
}

static uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] | (uint32_t)at[1] << 8); }

static uint32_t get32(const uint8_t *at) { return get16(at) | (uint32_t)get16(at + 2) << 16; }

/* Four bits at a time: a table of 64 bytes. */
uint32_t isplit_crc32(uint32_t before, const uint8_t *bytes, size_t size) {
  static const uint32_t table[16] = {0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
                                     0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
                                     0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu};
  uint32_t crc = ~before;
  size_t i;
  for (i = 0; i < size; i++) {
    crc ^= bytes[i];
    crc = table[crc & 15u] ^ (crc >> 4);
    crc = table[crc & 15u] ^ (crc >> 4);
  }
  return ~crc;
}

size_t isplit_frame_encode(const isplit_frame *frame, uint8_t *out, size_t capacity) {
  const size_t end = (size_t)ISPLIT_FRAME_HEADER_BYTES + frame->length;
  if (capacity < ISPLIT_FRAME_OVERHEAD_BYTES || frame->length > capacity - ISPLIT_FRAME_OVERHEAD_BYTES) return 0;
  if (frame->length > 0) memmove(out + ISPLIT_FRAME_HEADER_BYTES, frame->payload, frame->length);
  memset(out, 0, ISPLIT_FRAME_HEADER_BYTES);
  put16(out + ISPLIT_FRAME_AT_MAGIC, ISPLIT_FRAME_MAGIC);
  out[ISPLIT_FRAME_AT_VERSION] = ISPLIT_FRAME_VERSION;
  out[ISPLIT_FRAME_AT_FLAGS] = frame->flags;
  out[ISPLIT_FRAME_AT_CODEC] = frame->codec;
  put16(out + ISPLIT_FRAME_AT_CHUNK_INDEX, frame->chunk_index);
  put16(out + ISPLIT_FRAME_AT_CHUNK_COUNT, frame->chunk_count);
  memcpy(out + ISPLIT_FRAME_AT_SPLIT_ID, frame->split_id, ISPLIT_SPLIT_ID_BYTES);
  put32(out + ISPLIT_FRAME_AT_BOOT_ID, frame->boot_id);
  put32(out + ISPLIT_FRAME_AT_SEQUENCE, frame->sequence);
  put32(out + ISPLIT_FRAME_AT_CAPTURE_MS, frame->capture_ms);
  put32(out + ISPLIT_FRAME_AT_LENGTH, frame->length);
  put32(out + end, isplit_crc32(0, out, end));
  return end + 4u;
}

isplit_fault isplit_frame_decode(const uint8_t *bytes, size_t size, isplit_frame *frame) {
  size_t end;
  if (size < ISPLIT_FRAME_OVERHEAD_BYTES) return ISPLIT_FAULT_SHORT;
  if (get16(bytes + ISPLIT_FRAME_AT_MAGIC) != ISPLIT_FRAME_MAGIC) return ISPLIT_FAULT_MAGIC;
  if (bytes[ISPLIT_FRAME_AT_VERSION] != ISPLIT_FRAME_VERSION) return ISPLIT_FAULT_VERSION;
  if (get32(bytes + ISPLIT_FRAME_AT_LENGTH) != size - ISPLIT_FRAME_OVERHEAD_BYTES) return ISPLIT_FAULT_LENGTH;
  end = size - 4u;
  if (get32(bytes + end) != isplit_crc32(0, bytes, end)) return ISPLIT_FAULT_CRC;
  frame->flags = bytes[ISPLIT_FRAME_AT_FLAGS];
  frame->codec = bytes[ISPLIT_FRAME_AT_CODEC];
  frame->chunk_index = get16(bytes + ISPLIT_FRAME_AT_CHUNK_INDEX);
  frame->chunk_count = get16(bytes + ISPLIT_FRAME_AT_CHUNK_COUNT);
  if ((frame->flags & ~(unsigned)ISPLIT_FRAME_KNOWN_FLAGS) != 0 || frame->codec > ISPLIT_CODEC_LAST ||
      bytes[ISPLIT_FRAME_AT_RESERVED] != 0 || get16(bytes + ISPLIT_FRAME_AT_RESERVED2) != 0 ||
      frame->chunk_index >= frame->chunk_count) {
    return ISPLIT_FAULT_FIELDS;
  }
  memcpy(frame->split_id, bytes + ISPLIT_FRAME_AT_SPLIT_ID, ISPLIT_SPLIT_ID_BYTES);
  frame->boot_id = get32(bytes + ISPLIT_FRAME_AT_BOOT_ID);
  frame->sequence = get32(bytes + ISPLIT_FRAME_AT_SEQUENCE);
  frame->capture_ms = get32(bytes + ISPLIT_FRAME_AT_CAPTURE_MS);
  frame->payload = bytes + ISPLIT_FRAME_HEADER_BYTES;
  frame->length = (uint32_t)(size - ISPLIT_FRAME_OVERHEAD_BYTES);
  return ISPLIT_OK;
}

void isplit_frame_mark_resent(uint8_t *bytes, size_t size) {
  if (size < ISPLIT_FRAME_OVERHEAD_BYTES) return;
  bytes[ISPLIT_FRAME_AT_FLAGS] |= ISPLIT_FRAME_FLAG_RESENT;
  put32(bytes + size - 4u, isplit_crc32(0, bytes, size - 4u));
}

uint32_t isplit_chunk_count(const isplit_frame *frame, size_t packet_bytes) {
  size_t room, count;
  if (packet_bytes <= ISPLIT_FRAME_OVERHEAD_BYTES) return 0;
  room = packet_bytes - ISPLIT_FRAME_OVERHEAD_BYTES;
  if (frame->length == 0) return 1;
  count = ((size_t)frame->length - 1u) / room + 1u;
  return count > 0xffffu ? 0 : (uint32_t)count;
}

size_t isplit_chunk_encode(const isplit_frame *frame, size_t packet_bytes, uint32_t index, uint8_t *out,
                           size_t capacity) {
  const uint32_t count = isplit_chunk_count(frame, packet_bytes);
  isplit_frame chunk = *frame;
  size_t room, from;
  if (index >= count) return 0;
  room = packet_bytes - ISPLIT_FRAME_OVERHEAD_BYTES;
  from = index * room;
  chunk.chunk_index = (uint16_t)index;
  chunk.chunk_count = (uint16_t)count;
  if (frame->length > 0) chunk.payload = frame->payload + from;
  chunk.length = (uint32_t)(frame->length - from < room ? frame->length - from : room);
  return isplit_frame_encode(&chunk, out, capacity);
}

isplit_fault isplit_result_decode(const uint8_t *bytes, size_t size, isplit_result *result) {
  if (size < ISPLIT_RESULT_BYTES) return ISPLIT_FAULT_SHORT;
  if (get16(bytes + ISPLIT_RESULT_AT_MAGIC) != ISPLIT_RESULT_MAGIC) return ISPLIT_FAULT_MAGIC;
  if (bytes[ISPLIT_RESULT_AT_VERSION] != ISPLIT_RESULT_VERSION) return ISPLIT_FAULT_VERSION;
  if (size != ISPLIT_RESULT_BYTES) return ISPLIT_FAULT_LENGTH;
  if (get32(bytes + ISPLIT_RESULT_AT_CRC) != isplit_crc32(0, bytes, ISPLIT_RESULT_AT_CRC)) return ISPLIT_FAULT_CRC;
  result->status = bytes[ISPLIT_RESULT_AT_STATUS];
  if (result->status > ISPLIT_STATUS_LAST) return ISPLIT_FAULT_FIELDS;
  result->boot_id = get32(bytes + ISPLIT_RESULT_AT_BOOT_ID);
  result->sequence = get32(bytes + ISPLIT_RESULT_AT_SEQUENCE);
  result->class_id = get16(bytes + ISPLIT_RESULT_AT_CLASS_ID);
  result->confidence = get16(bytes + ISPLIT_RESULT_AT_CONFIDENCE);
  result->tail_us = get32(bytes + ISPLIT_RESULT_AT_TAIL_US);
  result->retry_ms = get32(bytes + ISPLIT_RESULT_AT_RETRY_MS);
  return ISPLIT_OK;
}

size_t isplit_cobs_encode(const uint8_t *bytes, size_t size, uint8_t *out, size_t capacity) {
  size_t block = 0, length = 1, i;
  if (capacity < ISPLIT_COBS_MAX_BYTES(size)) return 0;
  for (i = 0; i < size; i++) {
    if (bytes[i] != 0) out[length++] = bytes[i];
    if (bytes[i] != 0 && length - block - 1u < 254u) continue;
    if (bytes[i] != 0 && i + 1u == size) break; /* a full block at the end needs no other behind it */
    out[block] = (uint8_t)(length - block);
    block = length++;
  }
  out[block] = (uint8_t)(length - block);
  out[length++] = 0;
  return length;
}

void isplit_cobs_begin(isplit_cobs_stream *stream, uint8_t *memory, size_t capacity) {
  memset(stream, 0, sizeof *stream);
  stream->memory = memory;
  stream->capacity = capacity;
}

static void cobs_store(isplit_cobs_stream *stream, uint8_t byte) {
  if (stream->length < stream->capacity) stream->memory[stream->length++] = byte;
  else stream->broken = 1;
}

int isplit_cobs_push(isplit_cobs_stream *stream, uint8_t byte) {
  if (!stream->begun) {
    if (byte == 0) return 0;
    stream->begun = 1;
    stream->broken = 0;
    stream->length = 0;
    stream->code = byte;
    stream->left = (uint8_t)(byte - 1u);
    return 0;
  }
  if (byte == 0) {
    stream->begun = 0;
    if (stream->left == 0 && !stream->broken) return 1;
    stream->dropped++;
    return 0;
  }
  if (stream->left > 0) {
    stream->left--;
    cobs_store(stream, byte);
    return 0;
  }
  if (stream->code < 255u) cobs_store(stream, 0);
  stream->code = byte;
  stream->left = (uint8_t)(byte - 1u);
  return 0;
}

/* Times go around after 2^32 ms: what counts is how far one is behind the other. */
static int is_reached(uint32_t at_ms, uint32_t now_ms) { return (int32_t)(now_ms - at_ms) >= 0; }

static uint32_t spread(uint32_t sequence, uint32_t sent, uint32_t most) {
  uint32_t h = sequence ^ sent * 0x9e3779b9u;
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return (h ^ h >> 16) % (most + 1u);
}

static void remove_at(isplit_outbox *box, uint32_t at) {
  const uint32_t offset = box->slots[at].offset, length = box->slots[at].length;
  uint32_t i;
  memmove(box->memory + offset, box->memory + offset + length, box->bytes - offset - length);
  box->bytes -= length;
  box->size--;
  for (i = at; i < box->size; i++) {
    box->slots[i] = box->slots[i + 1u];
    box->slots[i].offset -= length;
  }
}

static isplit_kept *find_kept(isplit_outbox *box, uint32_t sequence, uint32_t *at) {
  for (*at = 0; *at < box->size; (*at)++) {
    if (box->slots[*at].sequence == sequence) return &box->slots[*at];
  }
  return NULL;
}

void isplit_outbox_begin(isplit_outbox *box, const isplit_outbox_limits *limits, isplit_kept *slots,
                         uint32_t slot_count, uint8_t *memory, uint32_t memory_bytes) {
  memset(box, 0, sizeof *box);
  box->limits = *limits;
  box->slots = slots;
  box->slot_count = slot_count;
  box->memory = memory;
  box->memory_bytes = memory_bytes;
}

void isplit_outbox_drop_old(isplit_outbox *box, uint32_t now_ms) {
  while (box->size > 0 && is_reached(box->slots[0].since_ms + box->limits.age_ms + 1u, now_ms)) {
    remove_at(box, 0);
    box->counts.given_up_age++;
  }
}

int isplit_outbox_keep(isplit_outbox *box, uint32_t sequence, const uint8_t *frame, uint32_t length, uint32_t now_ms) {
  isplit_kept *kept;
  isplit_outbox_drop_old(box, now_ms);
  if (length > box->memory_bytes || box->slot_count == 0) {
    box->counts.given_up_room++;
    return 0;
  }
  while (box->size >= box->slot_count || length > box->memory_bytes - box->bytes) {
    remove_at(box, 0);
    box->counts.given_up_room++;
  }
  kept = &box->slots[box->size++];
  kept->sequence = sequence;
  kept->since_ms = now_ms;
  kept->due_ms = now_ms;
  kept->offset = box->bytes;
  kept->length = length;
  kept->sent = 0;
  memcpy(box->memory + box->bytes, frame, length);
  box->bytes += length;
  box->counts.kept++;
  return 1;
}

isplit_kept *isplit_outbox_due(isplit_outbox *box, uint32_t now_ms, const uint8_t **bytes) {
  uint32_t i;
  isplit_outbox_drop_old(box, now_ms);
  for (i = 0; i < box->size; i++) {
    if (!is_reached(box->slots[i].due_ms, now_ms)) continue;
    *bytes = box->memory + box->slots[i].offset;
    return &box->slots[i];
  }
  return NULL;
}

void isplit_outbox_sent(isplit_outbox *box, isplit_kept *kept, uint32_t now_ms) {
  const uint32_t most = box->limits.most_resend_ms;
  uint32_t wait = box->limits.resend_ms < most ? box->limits.resend_ms : most;
  uint32_t i;
  /* Doubled as long as that stays below: no overflow. */
  for (i = 0; i < kept->sent && wait < most; i++) wait = wait > most / 2u ? most : 2u * wait;
  if (kept->sent > 0) box->counts.resent++;
  box->counts.sent++;
  kept->sent++;
  kept->due_ms = now_ms + wait - spread(kept->sequence, kept->sent, wait / 4u);
  isplit_frame_mark_resent(box->memory + kept->offset, kept->length);
}

int isplit_outbox_result(isplit_outbox *box, const isplit_result *result, uint32_t now_ms) {
  uint32_t at;
  isplit_kept *kept = find_kept(box, result->sequence, &at);
  if (kept == NULL) {
    box->counts.unasked++;
    return 0;
  }
  if (result->status == ISPLIT_STATUS_BUSY) {
    const uint32_t least = box->limits.resend_ms;
    kept->due_ms = now_ms + (result->retry_ms > least ? result->retry_ms : least);
    return 1;
  }
  if (result->status == ISPLIT_STATUS_OK) box->counts.answered++;
  else box->counts.given_up_refused++;
  remove_at(box, at);
  return 1;
}

void isplit_outbox_reconnected(isplit_outbox *box, uint32_t now_ms) {
  uint32_t i;
  for (i = 0; i < box->size; i++) {
    if (box->slots[i].sent > 0) box->slots[i].due_ms = now_ms;
  }
}

int isplit_outbox_next(const isplit_outbox *box, uint32_t *at_ms) {
  uint32_t i;
  for (i = 0; i < box->size; i++) {
    const uint32_t old = box->slots[i].since_ms + box->limits.age_ms + 1u;
    const uint32_t due = box->slots[i].due_ms;
    const uint32_t event = is_reached(due, old) ? due : old;
    if (i == 0 || !is_reached(*at_ms, event)) *at_ms = event;
  }
  return box->size > 0;
}
