/** The child's side: answers one request after the other until its stdin ends. */
import { writeSync } from 'node:fs';
import { END_OF_WORDS, encodeFrame, FrameReader, type RunRequest } from '../frames.js';

/** A tensor of a loaded model. */
export interface ChildTensor {
  readonly byteLength: number;
  /** Only of inputs. */
  write(bytes: Uint8Array): void;
  /** Only of outputs. */
  read(): Uint8Array;
}

export interface LoadedModel {
  readonly inputs: readonly ChildTensor[];
  readonly outputs: readonly ChildTensor[];
  invoke(): void;
  close(): void;
}

const WORDS = 2;
const REPLIES = 3;
/** A hostile file may state any shape: zeros for more than this are not made up. */
const MOST_ZERO_BYTES = 1 << 26;

function send(header: object, payloads: readonly Uint8Array[] = []): void {
  try {
    writeSync(WORDS, END_OF_WORDS);
  } catch {
    // Full of a runtime's words, or closed by it: then the parent waits a moment and takes what came.
  }
  for (const part of encodeFrame(header, payloads)) {
    for (let at = 0; at < part.length; ) at += writeSync(REPLIES, part, at);
  }
}

/** @param open loads the runtime; the function it gives loads a model and throws when the runtime refuses it */
export async function serveRuntime(
  open: () => Promise<{ version: string; load: (model: Uint8Array, arenaBytes: number) => LoadedModel }>,
): Promise<void> {
  // Ctrl-C is the parent's to decide: it ends us, and does not take that for a crash.
  process.on('SIGINT', () => {});
  let runtime: Awaited<ReturnType<typeof open>>;
  try {
    runtime = await open();
  } catch (error) {
    // Nothing is left to wait for, so the process ends.
    send({ missing: firstLine(error) });
    return;
  }
  const reader = new FrameReader<RunRequest>(({ header, payload }) => {
    let outputs: Uint8Array[];
    try {
      const model = payload.slice(0, header.modelBytes);
      outputs = runRecords(runtime.load(model, header.arenaBytes), payload.subarray(header.modelBytes), header.count);
    } catch (error) {
      send({ refused: firstLine(error) });
      return;
    }
    send({ ran: true }, outputs);
  });
  process.stdin.on('data', (chunk: Buffer) => reader.push(chunk));
  send({ version: runtime.version });
}

function runRecords(model: LoadedModel, inputs: Uint8Array, count: number): Uint8Array[] {
  try {
    const recordBytes = model.inputs.reduce((sum, tensor) => sum + tensor.byteLength, 0);
    if (inputs.length > 0 && inputs.length !== recordBytes * count) {
      throw new RangeError(`the model takes ${recordBytes} B a record, not ${inputs.length / count}`);
    }
    if (inputs.length === 0 && recordBytes * count > MOST_ZERO_BYTES) {
      throw new RangeError(`the model takes ${recordBytes} B a record`);
    }
    const outputs: Uint8Array[] = [];
    for (let record = 0; record < count; record++) {
      let at = record * recordBytes;
      for (const tensor of model.inputs) {
        tensor.write(inputs.length > 0 ? inputs.slice(at, at + tensor.byteLength) : new Uint8Array(tensor.byteLength));
        at += tensor.byteLength;
      }
      model.invoke();
      for (const tensor of model.outputs) outputs.push(tensor.read());
    }
    return outputs;
  } finally {
    model.close();
  }
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return (message.split('\n').find((line) => line.trim() !== '') ?? 'no reason given').trim().slice(0, 200);
}
