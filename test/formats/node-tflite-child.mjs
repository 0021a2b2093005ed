// Runs .tflite files in node-tflite (TFLite 2.2), in a process of its own: it may crash. One line of JSON an answer, so that
// the parent knows which file it was. stdin: JSON list of {model, inputs} in base64.
import { readFileSync } from 'node:fs';
import { Interpreter } from 'node-tflite';

for (const { model, inputs } of JSON.parse(readFileSync(0, 'utf8'))) {
  let answer;
  try {
    // It ignores byteOffset: the array must own its buffer.
    const interpreter = new Interpreter(Uint8Array.from(Buffer.from(model, 'base64')));
    interpreter.allocateTensors();
    for (const [i, input] of inputs.entries()) {
      interpreter.inputs[i].copyFrom(Uint8Array.from(Buffer.from(input, 'base64')));
    }
    interpreter.invoke();
    const outputs = interpreter.outputs.map((tensor) => {
      const bytes = new Uint8Array(tensor.byteSize);
      tensor.copyTo(bytes);
      return Buffer.from(bytes).toString('base64');
    });
    answer = { outputs };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
