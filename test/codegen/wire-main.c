/* Runs commands from standard input through isplit_wire.c, each input in memory of exactly its size, for sanitizers to watch.
 * A command is a letter, a u32 of bytes, and the bytes; the answer is a u32 of bytes and the bytes. test/codegen/wire-campaign.ts sends them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isplit_wire.h"

static uint32_t u32_at(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint8_t *answer;
static size_t answer_length, answer_room;

static void say(const void *bytes, size_t size) {
  if (answer_length + size > answer_room) {
    answer_room = 2 * (answer_length + size);
    answer = realloc(answer, answer_room);
    if (answer == NULL) exit(2);
  }
  if (size > 0) memcpy(answer + answer_length, bytes, size);
  answer_length += size;
}

static void say32(uint32_t v) {
  const uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
  say(bytes, 4);
}

static void say_sized(const uint8_t *bytes, size_t size) {
  say32((uint32_t)size);
  say(bytes, size);
}

static uint8_t *reserve(size_t size) {
  uint8_t *memory = malloc(size > 0 ? size : 1);
  if (memory == NULL) exit(2);
  return memory;
}

/* flags, codec, split id, boot id, sequence, capture, payload; returns the frame */
static isplit_frame read_frame(const uint8_t *in, size_t size) {
  isplit_frame frame;
  frame.flags = in[0];
  frame.codec = in[1];
  frame.chunk_index = (uint16_t)(in[2] | in[3] << 8);
  frame.chunk_count = (uint16_t)(in[4] | in[5] << 8);
  memcpy(frame.split_id, in + 6, 8);
  frame.boot_id = u32_at(in + 14);
  frame.sequence = u32_at(in + 18);
  frame.capture_ms = u32_at(in + 22);
  frame.payload = in + 26;
  frame.length = (uint32_t)(size - 26);
  return frame;
}

static void encode(const uint8_t *in, size_t size) {
  const isplit_frame frame = read_frame(in, size);
  const size_t room = (size_t)frame.length + ISPLIT_FRAME_OVERHEAD_BYTES;
  uint8_t *out = reserve(room);
  if (isplit_frame_encode(&frame, out, room - 1) != 0) exit(3);
  say(out, isplit_frame_encode(&frame, out, room));
  isplit_frame_mark_resent(out, room);
  say(out, room);
  free(out);
}

static void chunks(const uint8_t *in, size_t size) {
  const uint32_t packet = u32_at(in);
  const isplit_frame frame = read_frame(in + 4, size - 4);
  const uint32_t count = isplit_chunk_count(&frame, packet);
  uint32_t i;
  say32(count);
  for (i = 0; i < count; i++) {
    uint8_t *out = reserve(packet);
    say_sized(out, isplit_chunk_encode(&frame, packet, i, out, packet));
    free(out);
  }
  if (isplit_chunk_encode(&frame, packet, count, NULL, 0) != 0) exit(3);
}

static void decode(const uint8_t *in, size_t size) {
  isplit_frame frame;
  const isplit_fault fault = isplit_frame_decode(in, size, &frame);
  say32((uint32_t)fault);
  if (fault != ISPLIT_OK) return;
  say32(frame.flags);
  say32(frame.codec);
  say32(frame.chunk_index);
  say32(frame.chunk_count);
  say(frame.split_id, 8);
  say32(frame.boot_id);
  say32(frame.sequence);
  say32(frame.capture_ms);
  say(frame.payload, frame.length);
}

static void decode_result(const uint8_t *in, size_t size) {
  isplit_result result;
  const isplit_fault fault = isplit_result_decode(in, size, &result);
  say32((uint32_t)fault);
  if (fault != ISPLIT_OK) return;
  say32(result.status);
  say32(result.boot_id);
  say32(result.sequence);
  say32(result.class_id);
  say32(result.confidence);
  say32(result.tail_us);
  say32(result.retry_ms);
}

static void cobs(const uint8_t *in, size_t size) {
  const size_t room = ISPLIT_COBS_MAX_BYTES(size);
  uint8_t *out = reserve(room);
  if (isplit_cobs_encode(in, size, out, room - 1) != 0) exit(3);
  say(out, isplit_cobs_encode(in, size, out, room));
  free(out);
}

/* capacity, then the line */
static void cobs_stream(const uint8_t *in, size_t size) {
  const uint32_t capacity = u32_at(in);
  uint8_t *memory = reserve(capacity);
  isplit_cobs_stream stream;
  size_t i;
  isplit_cobs_begin(&stream, memory, capacity);
  for (i = 4; i < size; i++) {
    if (isplit_cobs_push(&stream, in[i])) say_sized(memory, stream.length);
  }
  say32(0xffffffffu);
  say32(stream.dropped);
  free(memory);
}

/* slots, memory, limits, then events of 16 bytes: what, time, sequence, number */
static void outbox(const uint8_t *in, size_t size) {
  const uint32_t slot_count = u32_at(in), memory_bytes = u32_at(in + 4);
  isplit_outbox_limits limits;
  isplit_outbox box;
  isplit_kept *slots = malloc(slot_count * sizeof *slots);
  uint8_t *memory = reserve(memory_bytes);
  const uint8_t *bytes;
  uint32_t next = 0;
  size_t at;
  if (slots == NULL) exit(2);
  limits.age_ms = u32_at(in + 8);
  limits.resend_ms = u32_at(in + 12);
  limits.most_resend_ms = u32_at(in + 16);
  isplit_outbox_begin(&box, &limits, slots, slot_count, memory, memory_bytes);
  for (at = 20; at + 16 <= size; at += 16) {
    const uint32_t what = u32_at(in + at), now = u32_at(in + at + 4);
    const uint32_t sequence = u32_at(in + at + 8), number = u32_at(in + at + 12);
    if (what == 0) { /* a frame with `number` bytes of payload */
      isplit_frame frame;
      uint8_t *encoded = reserve((size_t)number + ISPLIT_FRAME_OVERHEAD_BYTES);
      uint8_t *payload = reserve(number);
      memset(&frame, 0, sizeof frame);
      memset(payload, (int)(sequence & 255u), number);
      frame.chunk_count = 1;
      frame.sequence = sequence;
      frame.payload = payload;
      frame.length = number;
      say32((uint32_t)isplit_outbox_keep(
          &box, sequence, encoded,
          (uint32_t)isplit_frame_encode(&frame, encoded, (size_t)number + ISPLIT_FRAME_OVERHEAD_BYTES), now));
      free(payload);
      free(encoded);
    } else if (what == 1) { /* send what is due */
      isplit_kept *kept;
      while ((kept = isplit_outbox_due(&box, now, &bytes)) != NULL) {
        say32(kept->sequence);
        say_sized(bytes, kept->length);
        isplit_outbox_sent(&box, kept, now);
      }
    } else if (what == 2) { /* a result: status and wait in `number` */
      isplit_result result;
      memset(&result, 0, sizeof result);
      result.status = (uint8_t)(number & 255u);
      result.sequence = sequence;
      result.retry_ms = number >> 8;
      say32((uint32_t)isplit_outbox_result(&box, &result, now));
    } else {
      isplit_outbox_reconnected(&box, now);
    }
    if (isplit_outbox_next(&box, &next)) say32(next);
    say32(box.size);
    say32(box.bytes);
  }
  say32(box.counts.kept);
  say32(box.counts.sent);
  say32(box.counts.resent);
  say32(box.counts.answered);
  say32(box.counts.unasked);
  say32(box.counts.given_up_room);
  say32(box.counts.given_up_age);
  say32(box.counts.given_up_refused);
  free(memory);
  free(slots);
}

int main(void) {
  uint8_t head[5];
  while (fread(head, 1, 5, stdin) == 5) {
    const uint32_t size = u32_at(head + 1);
    uint8_t *in = reserve(size);
    uint8_t length[4];
    if (fread(in, 1, size, stdin) != size) return 4;
    answer_length = 0;
    switch (head[0]) {
      case 'e': encode(in, size); break;
      case 'c': chunks(in, size); break;
      case 'd': decode(in, size); break;
      case 'r': decode_result(in, size); break;
      case 'k': cobs(in, size); break;
      case 's': cobs_stream(in, size); break;
      case 'o': outbox(in, size); break;
      default: return 5;
    }
    length[0] = (uint8_t)answer_length;
    length[1] = (uint8_t)(answer_length >> 8);
    length[2] = (uint8_t)(answer_length >> 16);
    length[3] = (uint8_t)(answer_length >> 24);
    fwrite(length, 1, 4, stdout);
    if (answer_length > 0) fwrite(answer, 1, answer_length, stdout);
    free(in);
  }
  free(answer);
  return 0;
}
