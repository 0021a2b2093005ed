/* Frames to the tail, results from it, and what is kept until they come: the device's side of docs/wire.md.
 * C99, integers only, no allocation: all memory is the caller's. Nothing here blocks, sends or asks for the time. */
#ifndef ISPLIT_WIRE_H
#define ISPLIT_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "isplit_wire_format.h"

#ifdef __cplusplus
extern "C" {
#endif

/* CRC-32 of zip; `before` is 0, or the result for the bytes before these. */
uint32_t isplit_crc32(uint32_t before, const uint8_t *bytes, size_t size);

typedef struct {
  uint8_t flags;        /* ISPLIT_FRAME_FLAG_… */
  uint8_t codec;        /* ISPLIT_CODEC_… of the last wire tensor */
  uint16_t chunk_index; /* 0 */
  uint16_t chunk_count; /* 1 for a whole frame */
  uint8_t split_id[ISPLIT_SPLIT_ID_BYTES];
  uint32_t boot_id;
  uint32_t sequence;
  uint32_t capture_ms;
  const uint8_t *payload;
  uint32_t length;
} isplit_frame;

/* Why bytes are no frame or no result; ISPLIT_OK for those that are. */
typedef enum {
  ISPLIT_OK = 0,
  ISPLIT_FAULT_SHORT,
  ISPLIT_FAULT_MAGIC,
  ISPLIT_FAULT_VERSION,
  ISPLIT_FAULT_LENGTH,
  ISPLIT_FAULT_CRC,
  ISPLIT_FAULT_FIELDS
} isplit_fault;

/* Bytes written: ISPLIT_FRAME_OVERHEAD_BYTES and the payload; 0 when `capacity` is less. `out` may hold the payload already, in its place. */
size_t isplit_frame_encode(const isplit_frame *frame, uint8_t *out, size_t capacity);

/* `frame->payload` then points into `bytes`. */
isplit_fault isplit_frame_decode(const uint8_t *bytes, size_t size, isplit_frame *frame);

/* Sets the flag for frames that were sent before, in an encoded frame. */
void isplit_frame_mark_resent(uint8_t *bytes, size_t size);

/* How many packets of at most `packet_bytes` a whole frame takes; 0 when it does not go into them. */
uint32_t isplit_chunk_count(const isplit_frame *frame, size_t packet_bytes);

/* The chunk of this index, as isplit_frame_encode. */
size_t isplit_chunk_encode(const isplit_frame *frame, size_t packet_bytes, uint32_t index, uint8_t *out,
                           size_t capacity);

typedef struct {
  uint8_t status; /* ISPLIT_STATUS_… */
  uint32_t boot_id;
  uint32_t sequence;
  uint16_t class_id;
  uint16_t confidence; /* 65535 is 1 */
  uint32_t tail_us;
  uint32_t retry_ms;
} isplit_result;

isplit_fault isplit_result_decode(const uint8_t *bytes, size_t size, isplit_result *result);

/* COBS for serial lines, closing zero included; 0 when `capacity` is below ISPLIT_COBS_MAX_BYTES(size). */
#define ISPLIT_COBS_MAX_BYTES(size) ((size_t)(size) + (size_t)(size) / 254u + 2u)
size_t isplit_cobs_encode(const uint8_t *bytes, size_t size, uint8_t *out, size_t capacity);

/* Takes a line byte by byte. `memory` holds one decoded frame; what is longer or damaged is dropped and counted. */
typedef struct {
  uint8_t *memory;
  size_t capacity;
  size_t length;
  uint32_t dropped;
  uint8_t code;
  uint8_t left;
  uint8_t broken;
  uint8_t begun;
} isplit_cobs_stream;

void isplit_cobs_begin(isplit_cobs_stream *stream, uint8_t *memory, size_t capacity);

/* 1 when this byte ends a frame: it is in `memory`, `length` bytes long, until the next call. */
int isplit_cobs_push(isplit_cobs_stream *stream, uint8_t byte);

/* What is kept until it is answered. */
typedef struct {
  uint32_t sequence;
  uint32_t since_ms;
  uint32_t due_ms;
  uint32_t offset; /* in memory */
  uint32_t length;
  uint32_t sent;
} isplit_kept;

typedef struct {
  uint32_t age_ms;         /* after which a frame is given up, below 2^31 */
  uint32_t resend_ms;      /* until it is sent again for the first time; doubles every time */
  uint32_t most_resend_ms; /* at most, below 2^31 */
} isplit_outbox_limits;

typedef struct {
  uint32_t kept, sent, resent, answered, unasked;
  uint32_t given_up_room, given_up_age, given_up_refused;
} isplit_outbox_counts;

typedef struct {
  isplit_outbox_limits limits;
  isplit_outbox_counts counts;
  isplit_kept *slots;
  uint32_t slot_count;
  uint8_t *memory;
  uint32_t memory_bytes;
  uint32_t size;  /* slots in use */
  uint32_t bytes; /* of memory in use */
} isplit_outbox;

/* Keeps at most `slot_count` frames of `memory_bytes` bytes together. */
void isplit_outbox_begin(isplit_outbox *box, const isplit_outbox_limits *limits, isplit_kept *slots,
                         uint32_t slot_count, uint8_t *memory, uint32_t memory_bytes);

/* Copies an encoded frame; due at once. Where there is no room the oldest go. 0 when it is larger than all the room. */
int isplit_outbox_keep(isplit_outbox *box, uint32_t sequence, const uint8_t *frame, uint32_t length, uint32_t now_ms);

/* The oldest frame that is due, or NULL; *bytes are to be sent as they are. */
isplit_kept *isplit_outbox_due(isplit_outbox *box, uint32_t now_ms, const uint8_t **bytes);

/* It was sent. Its bytes change: from now on they say that it is sent again. */
void isplit_outbox_sent(isplit_outbox *box, isplit_kept *kept, uint32_t now_ms);

/* What a result says of a frame; results of another boot are the caller's to leave out. 1 when the frame was kept. */
int isplit_outbox_result(isplit_outbox *box, const isplit_result *result, uint32_t now_ms);

/* After a lost connection: all that was sent is due. */
void isplit_outbox_reconnected(isplit_outbox *box, uint32_t now_ms);

/* Gives up what is too old. */
void isplit_outbox_drop_old(isplit_outbox *box, uint32_t now_ms);

/* 1 and the time of the next thing to do, or 0 when nothing is kept. */
int isplit_outbox_next(const isplit_outbox *box, uint32_t *at_ms);

#ifdef __cplusplus
}
#endif
#endif
