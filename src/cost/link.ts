import type { LinkLayer, LinkProfile } from '../devices/index.js';

/** What one layer did to a frame. */
export interface LayerBytes {
  readonly layer: string;
  /** Units it cut the bytes into. */
  readonly units: number;
  /** Bytes it added. */
  readonly overheadBytes: number;
}

export interface LinkBytes {
  readonly payloadBytes: number;
  /** Bytes handed to the last layer: payload with every overhead above it. */
  readonly streamBytes: number;
  /** Every byte of every packet. */
  readonly bytesOnAir: number;
  readonly packets: number;
  readonly layers: readonly LayerBytes[];
}

export interface LinkLatency extends LinkBytes {
  /** From handing the frame over until the result is back, without the tail's work. */
  readonly latencyUs: number;
  /** How long the device's link is taken before the next frame may start: at least `latencyUs`. */
  readonly occupiedUs: number;
  readonly breakdown: {
    readonly transmitUs: number;
    readonly perPacketUs: number;
    /** Silence that the duty cycle imposes between the packets of one frame. */
    readonly dutyCycleWaitUs: number;
    readonly fixedUs: number;
    readonly resultUs: number;
    readonly ackUs: number;
  };
  /** 'estimate' when a number that counts is one. */
  readonly source: 'estimate' | 'specification';
}

/** Bytes of the MQTT "remaining length" field for a length (MQTT 3.1.1, section 2.2.3: seven bits a byte, at most 4). */
export function mqttRemainingLengthBytes(length: number): number {
  if (length < 128) return 1;
  if (length < 16_384) return 2;
  return length < 2_097_152 ? 3 : 4;
}

/** Units of a layer as size → how many: a frame of megabytes is a handful of entries. */
type Units = ReadonlyMap<number, number>;

const totalBytes = (units: Units): number => [...units].reduce((sum, [size, count]) => sum + size * count, 0);
const totalUnits = (units: Units): number => [...units.values()].reduce((sum, count) => sum + count, 0);

/** Cuts every unit into pieces of at most `limit` bytes; an empty unit stays one piece. */
function cutUnits(units: Units, limit: number): Map<number, number> {
  const cut = new Map<number, number>();
  const add = (size: number, count: number): void => {
    if (count > 0) cut.set(size, (cut.get(size) ?? 0) + count);
  };
  for (const [size, count] of units) {
    const whole = Math.floor(size / limit);
    const rest = size - whole * limit;
    if (size === 0) add(0, count);
    if (whole > 0) add(limit, whole * count);
    if (rest > 0) add(rest, count);
  }
  return cut;
}

/** Bytes that a layer adds to a unit. */
function unitOverhead(unitBytes: number, layer: LinkLayer): number {
  // The length field counts what follows it: in MQTT everything but the type byte before it and itself.
  let added = 0;
  for (const [i, overhead] of layer.overheads.entries()) {
    if ('bytes' in overhead) added += overhead.bytes;
    else {
      const behind = layer.overheads.slice(i + 1).reduce((sum, o) => sum + ('bytes' in o ? o.bytes : 0), 0);
      added += mqttRemainingLengthBytes(behind + unitBytes);
    }
  }
  return added;
}

/**
 * Bytes on a link for a payload, layer by layer from the application to the air.
 * @param payloadBytes whole bytes ≥ 0 of the frame's payload
 */
export function countLinkBytes(payloadBytes: number, link: LinkProfile): LinkBytes {
  if (!Number.isInteger(payloadBytes) || payloadBytes < 0) throw new RangeError(`payloadBytes ${payloadBytes}`);
  let units: Units = new Map([[payloadBytes, 1]]);
  let streamBytes = payloadBytes;
  const layers: LayerBytes[] = [];
  for (const layer of link.layers) {
    streamBytes = totalBytes(units);
    const input: Units = layer.stream ? new Map([[streamBytes, 1]]) : units;
    const wrapped = new Map<number, number>();
    for (const [size, count] of cutUnits(input, layer.unitPayload?.value ?? Number.MAX_SAFE_INTEGER)) {
      const whole = size + unitOverhead(size, layer);
      wrapped.set(whole, (wrapped.get(whole) ?? 0) + count);
    }
    units = wrapped;
    layers.push({ layer: layer.name, units: totalUnits(units), overheadBytes: totalBytes(units) - streamBytes });
  }
  return { payloadBytes, streamBytes, bytesOnAir: totalBytes(units), packets: totalUnits(units), layers };
}

/**
 * Time for a frame's payload to reach the tail and for the result to come back, without the tail's own work.
 * Integer packets; never shorter for a longer payload. Retransmissions are not counted.
 * @param payloadBytes whole bytes ≥ 0
 */
export function linkLatencyUs(payloadBytes: number, link: LinkProfile): LinkLatency {
  const counted = countLinkBytes(payloadBytes, link);
  const { rate } = link;
  const rateBytes = rate.countedAt === 'air' ? counted.bytesOnAir : counted.streamBytes;
  const transmitUs = (rateBytes * rate.bitsPerByte.value * 1e6) / rate.bitsPerSecond.value;
  const perPacketUs = counted.packets * link.perPacketUs.value;
  const airtimeUs = transmitUs + perPacketUs;
  // After a packet of airtime t the radio is silent for t/d − t. The silences inside a frame delay it; the last one
  // delays the next frame only. With equal packets the share inside is (packets − 1) / packets.
  const silenceUs = link.dutyCycle === undefined ? 0 : airtimeUs * (1 / link.dutyCycle.value - 1);
  const dutyCycleWaitUs = (silenceUs * (counted.packets - 1)) / counted.packets;
  const latencyUs = airtimeUs + dutyCycleWaitUs + link.fixedUs.value + link.resultUs.value;
  const estimates = [rate.bitsPerSecond, link.perPacketUs, link.fixedUs, link.resultUs].some(
    (s) => s.estimate === true,
  );
  return {
    ...counted,
    latencyUs,
    occupiedUs: Math.max(latencyUs, airtimeUs + link.fixedUs.value + link.ackUs.value, airtimeUs + silenceUs),
    breakdown: {
      transmitUs,
      perPacketUs,
      dutyCycleWaitUs,
      fixedUs: link.fixedUs.value,
      resultUs: link.resultUs.value,
      ackUs: link.ackUs.value,
    },
    source: estimates ? 'estimate' : 'specification',
  };
}
