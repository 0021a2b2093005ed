/** Stands in for a runtime: the first byte of the "model" says what it does wrong. */
import { writeSync } from 'node:fs';

process.on('SIGINT', () => {});
const mode = process.argv[2];
if (mode === 'absent') {
  send({ missing: "No module named 'tflite_micro'" });
  process.exit(0);
}
if (mode === 'broken') process.kill(process.pid, 'SIGABRT');

let pending = Buffer.alloc(0);
process.stdin.on('data', (chunk) => {
  pending = Buffer.concat([pending, chunk]);
  while (pending.length >= 8) {
    const headerBytes = pending.readUInt32LE(0);
    const end = 8 + headerBytes + pending.readUInt32LE(4);
    if (pending.length < end) return;
    const header = JSON.parse(pending.subarray(8, 8 + headerBytes).toString());
    const payload = pending.subarray(8 + headerBytes, end);
    pending = pending.subarray(end);
    answer(String.fromCharCode(payload[0]), payload.subarray(header.modelBytes));
  }
});
process.stdin.on('end', () => process.exit(0));
send({ version: '7' });

function answer(what, inputs) {
  process.stdout.write('a runtime may print what it likes\n');
  if (what === 'c') {
    writeSync(2, 'INFO: Created a delegate\nfree(): invalid pointer in /home/somebody/lib.so at 0x7ffe12\n');
    process.kill(process.pid, 'SIGSEGV');
  } else if (what === 'h') for (;;);
  else if (what === 'g') writeSync(3, Buffer.alloc(64, 0xff));
  else if (what === 'r') send({ refused: 'operator version 9' });
  else if (what === 'l') {
    // The two pipes are read in any order: here the reply comes first.
    reply({ refused: 'operator version 9' });
    setTimeout(() => writeSync(2, 'op 12 is too new\n\x1e'), 150);
  } else if (what === 'x') process.exit(4);
  else send({ ran: true }, Buffer.from(inputs).reverse());
}

function send(header, payload) {
  writeSync(2, '\x1e');
  reply(header, payload);
}

function reply(header, payload = Buffer.alloc(0)) {
  const json = Buffer.from(JSON.stringify(header));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(json.length, 0);
  lengths.writeUInt32LE(payload.length, 4);
  // In two pieces: the reader must not rely on whole frames.
  writeSync(3, Buffer.concat([lengths, json.subarray(0, 3)]));
  writeSync(3, Buffer.concat([json.subarray(3), payload]));
}
