export { onnxReader } from './read.js';
