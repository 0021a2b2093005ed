/**
 * Class names in TFLite's own way: a metadata FlatBuffer in a buffer of the model says that an output has a label file, and
 * that file lies in a zip archive appended to the model. Interpreters see neither. Field ids: metadata_schema.fbs of
 * tensorflow/tflite-support, version 1.0.0.
 */
import { zipSync } from 'fflate';
import { FlatbufferWriter, type Offset } from './flatbuffer-writer.js';

const MODEL_METADATA = { name: 0, subgraph_metadata: 3, min_parser_version: 7 };
const SUBGRAPH_METADATA = { input_tensor_metadata: 2, output_tensor_metadata: 3 };
const TENSOR_METADATA = { name: 0, associated_files: 6 };
const ASSOCIATED_FILE = { name: 0, type: 2 };

/** Enum AssociatedFileType: one name for every place along the last axis. */
const TENSOR_AXIS_LABELS = 2;

const METADATA_IDENTIFIER = 'M001';
const LABEL_FILE = 'labels.txt';

/** Content of the buffer that the metadata entry `TFLITE_METADATA` points to. Labels belong to the first output. */
export function encodeLabelMetadata(name: string, inputs: readonly string[], outputs: readonly string[]): Uint8Array {
  const w = new FlatbufferWriter(512);
  const labels = w.table(ASSOCIATED_FILE, { name: w.string(LABEL_FILE) }, (b) =>
    b.addFieldInt8(ASSOCIATED_FILE.type, TENSOR_AXIS_LABELS, 0),
  );
  const describe = (ids: readonly string[], files?: Offset): Offset =>
    w.offsets(
      ids.map((id, i) =>
        w.table(TENSOR_METADATA, { name: w.string(id), associated_files: i === 0 ? files : undefined }),
      ),
    );
  const subgraph = w.table(SUBGRAPH_METADATA, {
    input_tensor_metadata: describe(inputs),
    output_tensor_metadata: describe(outputs, w.offsets([labels])),
  });
  const root = w.table(MODEL_METADATA, {
    name: w.string(name),
    subgraph_metadata: w.offsets([subgraph]),
    min_parser_version: w.string('1.0.0'),
  });
  return w.finish(root, METADATA_IDENTIFIER);
}

/** The model followed by an archive of one stored file, one name a line. Google's readers refuse compressed ones. */
export function appendLabelFile(model: Uint8Array, classNames: readonly string[]): Uint8Array {
  const text = new TextEncoder().encode(`${classNames.map(oneLine).join('\n')}\n`);
  // A fixed day: zip knows no earlier one, and the same model must give the same bytes.
  const archive = zipSync({ [LABEL_FILE]: [text, { level: 0, mtime: '1980-01-01T00:00:00' }] });
  shiftArchive(archive, model.length);
  const file = new Uint8Array(model.length + archive.length);
  file.set(model);
  file.set(archive, model.length);
  return file;
}

/** Positions in an archive count from the start of the file that holds it. One member, no comment. */
function shiftArchive(archive: Uint8Array, by: number): void {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const endOfDirectory = archive.length - 22;
  const directory = view.getUint32(endOfDirectory + 16, true);
  view.setUint32(directory + 42, view.getUint32(directory + 42, true) + by, true);
  view.setUint32(endOfDirectory + 16, directory + by, true);
}

function oneLine(name: string): string {
  return name.replace(/\s+/g, ' ').trim();
}
