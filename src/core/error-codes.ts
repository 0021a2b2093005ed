/**
 * Every error code the SDK can raise, with the exit code of the command line and the meaning shown in docs/errors.md.
 * One row a code; rows are in alphabetical order. docs/errors.md is generated from this table.
 *
 * Exit codes: 2 wrong usage · 3 bad input · 4 no cut fits the budget · 5 verification failed · 6 something is missing.
 */
export const ERROR_CODES = {
  E_ARCHITECTURE_UNKNOWN: {
    exit: 2,
    meaning: 'There is no architecture of that name to train.',
    remedy: 'The message lists them; files are analysed and built, not trained.',
  },
  E_BOTTLENECK_SPEC: {
    exit: 2,
    meaning: 'A bottleneck is named that does not exist, or that does not go with the cut.',
    remedy: 'Write ENCODER-sSTRIDE-cCHANNELS-bBITS, such as conv1x1-s2-c8-b4; the message lists what is allowed.',
  },
  E_BUDGET_CONTRADICTION: {
    exit: 2,
    meaning: 'Two budgets cannot both be meant.',
    remedy: 'Leave one of them out; the message names the pair.',
  },
  E_BUDGET_INFEASIBLE: {
    exit: 4,
    meaning: 'No cut fits the board and the budgets, or the one asked for does not.',
    remedy: 'Every reason of every cut is listed, and what would make the wish fit; docs/budgets.md.',
  },
  E_CARD_INVALID: {
    exit: 3,
    meaning: 'A model card (card.json beside the model) breaks its schema.',
    remedy: 'Compare with models/fashion-cnn/card.json, or move the card away.',
  },
  E_CLASS_UNKNOWN: {
    exit: 2,
    meaning: 'A class was named that neither the model nor the data has.',
    remedy: 'The message lists every unknown name with the nearest known ones.',
  },
  E_CUT_UNKNOWN: {
    exit: 2,
    meaning: 'A cut id names a tensor that the model does not have, or that does not separate head from tail.',
    remedy: 'isplit-edge analyze lists the cut ids.',
  },
  E_DATA_AMBIGUOUS: {
    exit: 3,
    meaning: 'A folder holds several data sets and nothing says which one is meant.',
    remedy: 'Give the file instead of the folder.',
  },
  E_DATA_ARCHIVE: {
    exit: 3,
    meaning:
      'An archive or compressed file is damaged or hostile (bad checksum, path out of the archive, decompression bomb).',
    remedy: 'Make or download the archive again.',
  },
  E_DATA_COUNT: {
    exit: 3,
    meaning: 'Samples and labels do not have the same count, or labels name files that are not there.',
    remedy: 'Labels need one entry a sample, in the order of the samples or by file name.',
  },
  E_DATA_DTYPE: {
    exit: 3,
    meaning: 'An array has an element type or memory order that is not read (object arrays, Fortran order, complex).',
    remedy: 'Save it again as uint8 or float32 in C order.',
  },
  E_DATA_EMPTY: {
    exit: 3,
    meaning: 'There are no samples, or none is left after the selection.',
    remedy: 'Check the path, --classes and the label map.',
  },
  E_DATA_FORMAT: {
    exit: 3,
    meaning: 'The format of the data could not be recognised.',
    remedy: 'Use CIFAR-10 records, IDX, pictures, npy/npz, or raw records with --record-shape.',
  },
  E_DATA_LABELS: {
    exit: 3,
    meaning: 'Labels are missing or cannot be read.',
    remedy: 'Give --labels with one label a line, a CSV, npy or IDX file.',
  },
  E_DATA_LABEL_MAP: {
    exit: 3,
    meaning: 'The label map cannot be read, or does not cover the classes of the data.',
    remedy: 'Map every class of the data by index or name; null leaves a class out.',
  },
  E_DATA_LABEL_RANGE: {
    exit: 3,
    meaning: "Labels lie outside the model's classes.",
    remedy: 'Check the labels, or give --label-map.',
  },
  E_DATA_PICTURE: {
    exit: 3,
    meaning: 'Pictures cannot be decoded, or have a format that is not read (BMP and others).',
    remedy: 'Convert them to PNG or JPEG.',
  },
  E_DATA_SHAPE: {
    exit: 3,
    meaning: 'Samples do not have the shape that the network takes.',
    remedy: 'Use --resize, --crop or --record-shape.',
  },
  E_DATA_TOO_LARGE: {
    exit: 3,
    meaning: 'A file, picture or record is larger than what is accepted.',
    remedy: 'The message has the size and the limit.',
  },
  E_DATA_TRUNCATED: {
    exit: 3,
    meaning: 'A file ends before the data it announces, or goes on after it.',
    remedy: 'Download or write the file again.',
  },
  E_DATA_UNREADABLE: {
    exit: 3,
    meaning: 'A path does not exist or may not be read.',
    remedy: 'Check the path and its permissions.',
  },
  E_DATA_VALUES: {
    exit: 3,
    meaning: 'Sample values are not what they are declared to be (not finite, not 0..255).',
    remedy: 'Save pictures as uint8, or as float32 in the range that the network takes.',
  },
  E_DEVICE_INVALID: {
    exit: 3,
    meaning: 'A device or gateway profile breaks its schema, or holds a number without a source.',
    remedy: 'Every violation is listed with its JSON path; devices/device.schema.json completes the file in an editor.',
  },
  E_DEVICE_UNKNOWN: {
    exit: 2,
    meaning: 'There is no device or gateway of that name.',
    remedy: 'isplit-edge devices lists them; a profile of your own is given by its path, ./my-board.json.',
  },
  E_ENGINE: {
    exit: 1,
    meaning: 'An engine failed while running a graph.',
    remedy: 'Try another --engine and report the message.',
  },
  E_ENGINE_MISSING: {
    exit: 6,
    meaning: 'The engine asked for is not installed.',
    remedy: 'isplit-edge doctor says what to type.',
  },
  E_FOLDER_CHANGED: {
    exit: 3,
    meaning: 'Files of a built folder are missing or are not those that its manifest names.',
    remedy: 'Build again; finished stages are reused.',
  },
  E_FOLDER_FOREIGN: {
    exit: 2,
    meaning: 'A folder that would be replaced holds files that no build wrote.',
    remedy: 'Name another folder with --out, or move these files away.',
  },
  E_FOLDER_UNFINISHED: {
    exit: 3,
    meaning: 'A folder is no finished build.',
    remedy: 'isplit-edge build makes one.',
  },
  E_GRAPH_INVALID: {
    exit: 3,
    meaning: 'A graph breaks a rule of the intermediate representation (undefined tensor, wrong shape, cycle).',
    remedy: 'The model file is corrupt or was exported wrongly; export it again.',
  },
  E_HOOK_UNSUPPORTED: {
    exit: 3,
    meaning: 'An op is known, but cannot do what was asked (no gradient, not on this engine).',
    remedy: 'The message says which op and why; another engine may help.',
  },
  E_INPUT_TOO_SMALL: {
    exit: 2,
    meaning: 'The pictures are smaller than what an architecture can look at.',
    remedy: 'Give a larger --input; pictures are resized.',
  },
  E_INT8_UNSUPPORTED: {
    exit: 3,
    meaning: 'The integer executor cannot run this network: an operator, its operands or their quantization.',
    remedy:
      'The message names every node with the reason; float networks are run by an engine, or made int8 by `build`.',
  },
  E_INTERNAL: {
    exit: 1,
    meaning: 'A defect of isplit-edge itself.',
    remedy: 'Report it with the command and the input.',
  },
  E_INTERRUPTED: {
    exit: 130,
    meaning: 'The run was stopped on request (Ctrl-C).',
    remedy: 'Run the same command again; finished parts are reused.',
  },
  E_LABEL_RANGE: {
    exit: 3,
    meaning: 'A label is outside the classes of the model.',
    remedy: 'Give --label-map when the data numbers its classes differently.',
  },
  E_LINK_INVALID: {
    exit: 3,
    meaning: 'A link profile breaks its schema, or holds a number without a source.',
    remedy: 'Every violation is listed with its JSON path; devices/link.schema.json completes the file in an editor.',
  },
  E_LINK_UNKNOWN: {
    exit: 2,
    meaning: 'There is no link of that name.',
    remedy: 'isplit-edge links lists them; a profile of your own is given by its path, ./my-link.json.',
  },
  E_MANIFEST_INVALID: {
    exit: 3,
    meaning: 'The manifest.json of a built folder breaks its schema, or was changed.',
    remedy: 'Every violation is listed; docs/manifest.md has the fields. Build again.',
  },
  E_MODEL_CORRUPT: {
    exit: 3,
    meaning: 'A model file is truncated, inconsistent or hostile.',
    remedy: 'Export or download the model again; the message says at which offset or field reading stopped.',
  },
  E_MODEL_FORMAT: {
    exit: 3,
    meaning: 'No reader recognises the model file.',
    remedy: 'Use Keras .h5/.keras, TF.js model.json, ONNX or TFLite.',
  },
  E_MODEL_MISMATCH: {
    exit: 3,
    meaning: 'A model file is not the one that a folder was built from.',
    remedy: 'Give the model that was built, or leave --model out: the int8 split is then evaluated alone.',
  },
  E_MODEL_READ: {
    exit: 3,
    meaning: 'A model file or one of its parts cannot be read.',
    remedy: 'Check the path and that all weight shards lie beside the model.',
  },
  E_MODEL_TOO_LARGE: {
    exit: 3,
    meaning: 'A model file is larger than the reader accepts.',
    remedy: 'Remove optimizer state or training-only parts from the export.',
  },
  E_NOT_FINITE: {
    exit: 3,
    meaning: 'The network gives NaN or infinite scores.',
    remedy: 'Check the weights and the input range.',
  },
  E_NO_CLASSES: {
    exit: 3,
    meaning: 'The model is not a classifier with one score per class, so importance is not defined.',
    remedy: 'Use a model whose first output holds class scores.',
  },
  E_OP_UNSUPPORTED: {
    exit: 3,
    meaning: 'The model uses operators or attributes this version does not have.',
    remedy: 'docs/supported-ops.md lists what is supported; every offending layer is named.',
  },
  E_PREPROCESS_SPEC: {
    exit: 3,
    meaning: 'A preprocessing block (of a card, manifest or project file) breaks its schema.',
    remedy: 'Every violation is listed; docs/preprocessing.md has the fields.',
  },
  E_PROJECT_INVALID: {
    exit: 2,
    meaning: 'isplit.json breaks its schema.',
    remedy: 'Run isplit-edge init, or correct the fields named.',
  },
  E_QUANTIZE: {
    exit: 3,
    meaning:
      'A network cannot be quantized: several inputs, activations that are not finite on the calibration samples, or an output whose codes cannot be fixed.',
    remedy: 'Check the weights of the model and --input-range; several inputs cannot be calibrated yet.',
  },
  E_SELFTEST_CORRUPT: {
    exit: 3,
    meaning: 'A selftest.bin is cut short or damaged, or is something else.',
    remedy: 'Build the folder again, or copy the file again.',
  },
  E_SELFTEST_MISMATCH: {
    exit: 3,
    meaning: 'A selftest.bin belongs to another head: sizes or split id differ.',
    remedy: 'Take head and selftest.bin from the same build.',
  },
  E_SELFTEST_VERSION: {
    exit: 3,
    meaning: 'A selftest.bin was written by a newer version of this program.',
    remedy: 'Update isplit-edge, or build the folder again.',
  },
  E_SHAPE: {
    exit: 3,
    meaning: 'Shapes or attributes of a layer do not fit together.',
    remedy: 'The message names the layer and the shapes; check the export.',
  },
  E_STUDY_CUTS: {
    exit: 3,
    meaning: 'Too few cuts are left to study: nothing can be said of an order of one or two.',
    remedy: 'Raise --wire, name more --cuts, or study a deeper network; the message says how many there are.',
  },
  E_TRAIN_CHECKPOINT: {
    exit: 3,
    meaning:
      'The state of a training cannot be saved (disk full, no permission); an earlier checkpoint stays as it was.',
    remedy:
      'Free disk space or fix the permissions, then run the same command again: it goes on from the last checkpoint.',
  },
  E_TRAIN_DIVERGED: {
    exit: 3,
    meaning: 'The loss or the parameters of a training are no longer finite; the last checkpoint is of a good state.',
    remedy: 'Lower the learning rate, and check that the samples are in the input range of the model.',
  },
  E_TRAIN_ONE_CLASS: {
    exit: 3,
    meaning: 'All labels of the training samples are of one class: there is nothing to tell apart.',
    remedy: 'Check --labels, --classes and --samples: the message says which class it is.',
  },
  E_TRAIN_TOO_LARGE: {
    exit: 3,
    meaning: 'The training samples do not fit the memory that training may use for them.',
    remedy: 'Give --samples with the number in the message, or a smaller --input.',
  },
  E_USAGE: {
    exit: 2,
    meaning: 'An option or argument is missing, unknown or malformed.',
    remedy: 'See --help of the command.',
  },
  E_VERIFY_FAILED: {
    exit: 5,
    meaning: 'A head does not give the same bytes in every reference runtime.',
    remedy:
      'The message names the runtimes and how far they differ; nothing was written. Please report it with the model.',
  },
  E_WIRE_COBS: {
    exit: 3,
    meaning: 'Bytes from a serial link are not COBS: a block reaches beyond the end, or nothing ends it.',
    remedy: 'Check baud rate and wiring; the next frame begins after the next zero byte.',
  },
  E_WIRE_FRAME: {
    exit: 3,
    meaning: 'Bytes are no frame: cut short, damaged, of another version, or not made by an encoder of ours.',
    remedy: 'docs/wire.md has the frame field by field; a damaged frame is sent again by its device.',
  },
  E_WIRE_PAYLOAD: {
    exit: 3,
    meaning: 'A payload is none that the encoder of this split makes: cut short, too long or damaged.',
    remedy: 'Send the frame again; device and gateway must run the same build (compare their splitId).',
  },
  E_WIRE_RESULT: {
    exit: 3,
    meaning: 'Bytes are no result of a tail: cut short, damaged, or of another version.',
    remedy: 'docs/wire.md has the result field by field; ask again by sending the frame again.',
  },
  E_WIRE_STATE: {
    exit: 3,
    meaning: 'The retained state of a device or tail cannot be read.',
    remedy: 'docs/wire.md has the fields; the message names what is wrong.',
  },
  E_WIRE_TOPIC: {
    exit: 2,
    meaning: 'A name cannot stand in a topic.',
    remedy: 'Models, devices and instances are named with letters, digits, dot, _ and -, at most 64.',
  },
  E_WRITE: {
    exit: 3,
    meaning: 'An output file cannot be written.',
    remedy: 'Check the path, permissions and free disk space; nothing half-written was left behind.',
  },
} as const satisfies Record<string, { exit: 1 | 2 | 3 | 4 | 5 | 6 | 130; meaning: string; remedy: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
